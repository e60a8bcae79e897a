import type { EventEmitter } from 'node:events'
import { deserializeError } from '../../shared/errors.js'
import type { LoadedFile } from '../../shared/loaded-file.js'
import type { ChildMessage } from '../../shared/messages-to-parent.js'
import type { SlowEpisode } from '../../shared/slow.js'
import type { AskedListener, HandlerKind } from '../../shared/terms.js'

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** What one child tells. */
export interface ChildEvents {
  ready: [kinds: readonly HandlerKind[]]
  /** Its handler is a program, which would listen there. */
  asks: [asked: readonly AskedListener[]]
  notice: [text: string]
  /** The child could not start; it leaves by itself. */
  failed: [Error]
  report: [Error, thread: number | undefined]
  decision: [action: string, reason: string, thread: number | undefined]
  /** A thread of it is ready, or over. */
  thread: [phase: 'ready' | 'over', thread: number]
  /** A handler has blocked a thread. */
  slow: [SlowEpisode]
  /** Its last idle thread has become busy, and it may start no more. */
  pressure: []
  /** The handler has loaded these files. */
  loaded: [files: readonly LoadedFile[]]
  /** Somebody else than the parent has told it to leave. It serves on until the parent says how. */
  leaving: []
  /** Its idle connections are on their way to others. */
  moves: []
  /** A thread has posted it. */
  channel: [name: string, data: string, thread: number]
  /** The thread leads no more. */
  resigned: [thread: number]
  exit: [Exit]
}

/** Tells what is no more than news. Messages of user code may come this way, too, so what each holds is taken as what it should be. */
export function tellNews(child: EventEmitter<ChildEvents>, message: ChildMessage): void {
  switch (message.type) {
    case 'asks':
      child.emit('asks', message.asked)
      return
    case 'notice':
      child.emit('notice', String(message.text))
      return
    case 'failed':
      child.emit('failed', deserializeError(message.error))
      return
    case 'report':
      child.emit('report', deserializeError(message.error), numberOf(message.thread))
      return
    case 'decision':
      child.emit(
        'decision',
        String(message.action),
        String(message.reason),
        numberOf(message.thread),
      )
      return
    case 'thread':
      child.emit('thread', message.phase === 'ready' ? 'ready' : 'over', Number(message.thread))
      return
    case 'channel':
      child.emit('channel', String(message.name), String(message.data), Number(message.thread))
      return
    case 'resigned':
      child.emit('resigned', Number(message.thread))
      return
    case 'loaded':
      child.emit('loaded', message.files)
      return
    case 'slow':
      child.emit('slow', message.episode)
      return
    case 'pressure':
      child.emit('pressure')
      return
    case 'moves':
      child.emit('moves')
      return
    default:
      // 'alive' has said all; and what a child sends is not trusted to be of a known type.
      return
  }
}

/** What a child sends is taken as a mere figure. */
function numberOf(sent: unknown): number | undefined {
  return typeof sent === 'number' ? sent : undefined
}
