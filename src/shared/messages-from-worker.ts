import type { ChannelPost } from './channel.js'
import type { SerializedError } from './errors.js'
import type { ChildAsks, FilesLoaded, Notice, Report } from './messages-to-parent.js'
import type { HandlerKind } from './terms.js'

/** What a worker thread says to its child's main thread, over message ports (structured clone). */

/** The thread has loaded the handler. */
export interface ThreadReady {
  readonly type: 'ready'
  /** What each listener serves. */
  readonly kinds: readonly HandlerKind[]
  /** Node's id of the thread. */
  readonly threadId: number
}

/** The answer to `RestThread`. */
export interface ThreadRested {
  readonly type: 'rested'
  /** False if it could not be spared. */
  readonly isDone: boolean
}

/** The answer to `AskForCode`. */
export interface ThreadCode {
  readonly type: 'code'
  readonly code: SharedArrayBuffer
}

/** The thread could not load the handler; piscina's own rejection would lose the error's class and code. */
export interface ThreadFailed {
  readonly type: 'failed'
  readonly error: SerializedError
}

/** The thread would park connections, and there is no parker yet. */
export interface ThreadWantsParker {
  readonly type: 'parker'
}

/** An idle connection of the thread is on its way to another process. */
export interface ThreadMoves {
  readonly type: 'moves'
}

/** The thread has begun to leave by itself. */
export interface ThreadLeaves {
  readonly type: 'leaves'
  readonly why: string
}

/** An exception that nobody catches ends the thread. */
export interface ThreadDies {
  readonly type: 'dies'
  /** What is in flight, the first few. */
  readonly requests: readonly string[]
}

/** The app has called `process.exit`. */
export interface ThreadExits {
  readonly type: 'exits'
  readonly code: number
}

/** The thread has finished what it had; what comes now is Node's own end of it. */
export interface ThreadDone {
  readonly type: 'done'
}

/** Its code has started a program, or has seen the end of one. */
export interface ThreadProgram {
  readonly type: 'program'
  readonly phase: 'started' | 'ended'
  readonly pid: number
}

export type WorkerMessage =
  | ThreadProgram
  | ThreadWantsParker
  | ThreadMoves
  | ThreadReady
  | ThreadRested
  | ThreadCode
  | ThreadFailed
  | ThreadLeaves
  | ThreadExits
  | ThreadDies
  | ThreadDone
  | ChildAsks
  | FilesLoaded
  | Notice
  | Report

/** On a second port, for what the whole pool shares. */
export type PoolLinkUp =
  /** Has to be sent to all the others, each of which gets it in this order. */
  | ChannelPost
  /** So much of what was sent down has been taken. */
  | { readonly type: 'heard'; readonly bytes: number }
  /** It leads no more. */
  | { readonly type: 'resigned' }
