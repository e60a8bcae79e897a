import { type ChildProcess, fork } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { TOKEN_VARIABLE } from '../../options/parse-options.js'
import { MOST_WAITING_BYTES } from '../../shared/channel.js'
import { entryFile } from '../../shared/entry-files.js'
import { deserializeError, fail } from '../../shared/errors.js'
import { withoutInspector } from '../../shared/inspector-flags.js'
import type { LoadedFile } from '../../shared/loaded-file.js'
import type {
  CaptureThread,
  DrainChild,
  ParentMessage,
  StartChild,
} from '../../shared/messages-to-child.js'
import type { ChildMessage, ThreadCaptured } from '../../shared/messages-to-parent.js'
import type { SlowEpisode } from '../../shared/slow.js'
import { folderForChildren } from '../../shared/start-folder.js'
import type { CaptureKind, ChildState } from '../../shared/stats.js'
import type { AskedListener, HandlerKind, Range, TlsTerms } from '../../shared/terms.js'
import { monotonicMs } from '../../sync/clock.js'
import type { DescriptorEnds } from '../../sync/descriptor-ends.js'
import { closeAllOnExec } from '../../sys/descriptor.js'
import { withoutSystemd } from '../systemd/systemd-environment.js'
import { guardChannel } from './guard-channel.js'

/** Descriptors 0 to 2 are the usual ones, 3 is Node's channel. */
const FIRST_INHERITED = 4

/** A process that ends closes its channel with all else. How long its exit may take to be heard of on a busy machine. */
const CHANNEL_BEFORE_EXIT_MS = 3000

/** How long a child that has exited may still be heard. */
const CHANNEL_AFTER_EXIT_MS = 1000

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface ForkedChildEvents {
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

/** What a child needs to inherit. */
export interface Inheritance {
  readonly listeners: readonly number[]
  readonly scoreboard: number
  readonly ticketKeys: number
  /** Only where there is no accept mutex. */
  readonly passOn: number | undefined
  /** Only where connections may be parked. */
  readonly mailbox: DescriptorEnds | undefined
  /** The way of idle connections from processes that leave to those that stay. */
  readonly transfer: DescriptorEnds | undefined
  /** Files of the accept mutex, for each child to open anew. */
  readonly lockFiles: readonly number[]
}

/** What it needs to be told; the numbers of inherited descriptors are filled in here. */
export type StartTerms = Omit<
  StartChild,
  | 'type'
  | 'listeners'
  | 'scoreboard'
  | 'ticketKeys'
  | 'passOn'
  | 'mailbox'
  | 'transfer'
  | 'lockDescriptors'
>

/**
 * One child process, from its fork to its exit: starting → ready → draining → gone, each step optional but the
 * last. Nothing but this class signals the pid, and only until the exit is known.
 */
export class ForkedChild extends EventEmitter<ForkedChildEvents> {
  readonly slot: number
  readonly generation: number
  /** Epoch ms, for people. */
  readonly startedAt = Date.now()
  readonly #startedMs = monotonicMs()
  readonly #process: ChildProcess
  #state: ChildState | 'gone' = 'starting'
  #isLeaving = false
  /** Of messages on channels that have not gone out yet. */
  #waitingBytes = 0
  #lost = 0
  #askedAt: number | undefined
  #lastCapture = 0
  readonly #captures = new Map<number, (captured: ThreadCaptured) => void>()
  #killedFor: Error | undefined
  #cutOff: Error | undefined

  constructor(inheritance: Inheritance, terms: StartTerms) {
    super()
    this.slot = terms.slot
    this.generation = terms.generation
    const { listeners, scoreboard, ticketKeys, passOn, mailbox, transfer, lockFiles } = inheritance
    const inherited = [...listeners, scoreboard, ticketKeys]
    // The number that a descriptor of the parent will have in the child.
    const inherit = (fd: number): number => FIRST_INHERITED + inherited.push(fd) - 1
    const passOnThere = passOn === undefined ? -1 : inherit(passOn)
    const inheritEnds = ({ sendEnd, receiveEnd }: DescriptorEnds): DescriptorEnds => ({
      sendEnd: inherit(sendEnd),
      receiveEnd: inherit(receiveEnd),
    })
    const mailboxThere = mailbox === undefined ? {} : { mailbox: inheritEnds(mailbox) }
    const transferThere = transfer === undefined ? {} : { transfer: inheritEnds(transfer) }
    const lockDescriptors = lockFiles.map(inherit)
    closeAllOnExec()
    this.#process = fork(entryFile('child/main'), [], {
      cwd: folderForChildren(),
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...inherited],
      // No code of the user runs in the child's main thread, so flags such as --inspect have no business there.
      execArgv: [],
      env: childEnvironment(terms.identity !== undefined),
    })
    this.#process.on('message', (message: ChildMessage | null) => {
      try {
        // What a child sends may be of any shape, if user code has got hold of its channel.
        if (message !== null) this.#onMessage(message)
      } catch (error) {
        this.emit('report', error as Error, undefined)
      }
    })
    guardChannel(this.#process, (error) => this.#channelBroke(error))
    // It comes with the exit; a child that closes its end and lives on would never hear that it has to leave.
    this.#process.once('disconnect', () => {
      const broke = setTimeout(() => {
        if (!this.#isLeaving) this.#channelBroke()
      }, CHANNEL_BEFORE_EXIT_MS)
      this.once('exit', () => clearTimeout(broke))
    })
    this.#process.on('error', (error) => {
      // The fork itself failed: there will be no exit event. Later errors are of a signal or a message that came to nothing.
      if (this.#process.pid !== undefined) return
      this.emit('failed', error)
      this.#gone({ code: null, signal: null })
    })
    this.#process.once('exit', (code, signal) => this.#exited({ code, signal }))
    this.#send({
      type: 'start',
      ...terms,
      listeners: listeners.map((_, index) => FIRST_INHERITED + index),
      scoreboard: FIRST_INHERITED + listeners.length,
      ticketKeys: FIRST_INHERITED + listeners.length + 1,
      passOn: passOnThere,
      lockDescriptors,
      ...mailboxThere,
      ...transferThere,
    })
  }

  /** 0 when the fork failed. */
  get pid(): number {
    return this.#process.pid ?? 0
  }

  /** For how long there has been this child. */
  get livedMs(): number {
    return monotonicMs() - this.#startedMs
  }

  get state(): ChildState | 'gone' {
    return this.#state
  }

  /** Whether its exit is no accident: it was asked to leave, by the parent or by a TERM of its own. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  /** Asks for a sign of life, unless it was asked already and has given none yet. */
  ask(): void {
    if (this.#askedAt !== undefined) return
    this.#askedAt = performance.now()
    this.#send({ type: 'ask' })
  }

  /** How long a question for a sign of life has been open; 0 if none is. */
  get silentMs(): number {
    return this.#askedAt === undefined ? 0 : performance.now() - this.#askedAt
  }

  resize(threads: Range, spares: Range): void {
    this.#send({ type: 'resize', threads, spares })
  }

  /**
   * A message on a channel, for all its threads but `except`. Resolves when it is on its way. A child that does not read would
   * make them pile up here, so beyond the limit they are lost, and the child is told how many were.
   */
  async post(name: string, data: string, except = -1): Promise<void> {
    if (!this.#process.connected || this.#state === 'gone') return
    if (this.#waitingBytes > 0 && this.#waitingBytes + data.length > MOST_WAITING_BYTES) {
      this.#lost++
      return
    }
    this.#waitingBytes += data.length
    await new Promise<void>((resolve) =>
      this.#process.send({ type: 'channel', name, data, except } satisfies ParentMessage, () =>
        resolve(),
      ),
    )
    this.#waitingBytes -= data.length
    if (this.#lost === 0) return
    this.#send({ type: 'lost', count: this.#lost })
    this.#lost = 0
  }

  /** This thread of it is the one of the pool. */
  lead(thread: number): void {
    this.#send({ type: 'lead', thread })
  }

  renewTls(tls: readonly TlsTerms[]): void {
    this.#send({ type: 'tls', tls })
  }

  reopenLogs(): void {
    this.#send({ type: 'reopen' })
  }

  /** Asks the child to finish and leave. */
  drain(terms: Omit<DrainChild, 'type'>): void {
    if (this.#state === 'gone') return
    this.#state = 'draining'
    this.#isLeaving = true
    this.#send({ type: 'drain', ...terms })
  }

  /** Another process leaves, and this one is to take over its idle connections. */
  receive(takes: boolean): void {
    this.#send({ type: 'receive', takes })
  }

  /** Has it finish what it has in hand, and ends it if that takes longer than `drainTimeout` (ms). */
  retire(drainTimeout: number): void {
    this.drain({ backlogs: [], emptyMailbox: false, moves: true })
    this.limitDrain(drainTimeout)
  }

  /** Ends it if it has not left within `drainTimeout` (ms). */
  limitDrain(drainTimeout: number): void {
    const late = setTimeout(() => {
      this.#cutOff = fail('FT_ERR_DRAIN_TIMEOUT', [`Child ${this.pid}`, drainTimeout])
      this.kill(this.#cutOff)
    }, drainTimeout)
    this.once('exit', () => clearTimeout(late))
  }

  /** Profiles a thread, or takes a snapshot of its heap: the path of a file, whose folder is the caller's to remove. */
  async capture(thread: number, kind: CaptureKind, seconds: number): Promise<string> {
    const { path } = await this.#askOf(thread, kind, seconds)
    if (typeof path !== 'string') throw new Error('no answer')
    return path
  }

  /** Ends a thread, whatever it does; where it was, from the inside out, if that could be had. */
  async killThread(thread: number): Promise<readonly string[]> {
    const { stack } = await this.#askOf(thread, 'kill', 0)
    return Array.isArray(stack) ? stack.map(String) : []
  }

  async #askOf(
    thread: number,
    kind: CaptureThread['kind'],
    seconds: number,
  ): Promise<ThreadCaptured> {
    this.#lastCapture++
    const id = this.#lastCapture
    return await new Promise((resolve, reject) => {
      const gone = (): void => reject(new Error(`child ${this.pid} is gone`))
      this.#captures.set(id, (captured) => {
        this.off('exit', gone)
        if (captured.error === undefined) resolve(captured)
        else reject(deserializeError(captured.error))
      })
      this.once('exit', gone)
      this.#send({ type: 'capture', id, thread, kind, seconds })
    })
  }

  /** Ends the child at once. */
  kill(reason?: Error): void {
    if (this.#state === 'gone') return
    this.#killedFor = reason
    this.#process.kill('SIGKILL')
  }

  /** Why the parent has killed it, if there was a reason that its death is to be reported with. */
  get killedFor(): Error | undefined {
    return this.#killedFor
  }

  /** That it was to leave and did not in time. If it was killed for something else before, it is not this. */
  get cutOff(): Error | undefined {
    return this.#killedFor === this.#cutOff ? this.#cutOff : undefined
  }

  async untilGone(): Promise<void> {
    if (this.#state === 'gone') return
    await new Promise<void>((resolve) => this.once('exit', () => resolve()))
  }

  #channelBroke(error?: unknown): void {
    if (this.#killedFor === undefined) this.kill(fail('FT_ERR_CHILD_CHANNEL', [this.pid], error))
  }

  #send(message: ParentMessage): void {
    // A child that is just dying has closed its end; its exit says the rest.
    if (this.#process.connected) this.#process.send(message, () => undefined)
  }

  #onMessage(message: ChildMessage): void {
    // Whatever it says, it lives.
    this.#askedAt = undefined
    switch (message.type) {
      case 'ready':
        if (this.#state !== 'starting') return
        this.#state = 'ready'
        this.emit('ready', message.kinds)
        return
      case 'asks':
        this.emit('asks', message.asked)
        return
      case 'notice':
        this.emit('notice', String(message.text))
        return
      case 'failed':
        this.emit('failed', deserializeError(message.error))
        return
      case 'report':
        this.emit('report', deserializeError(message.error), numberOf(message.thread))
        return
      case 'decision':
        this.emit(
          'decision',
          String(message.action),
          String(message.reason),
          numberOf(message.thread),
        )
        return
      case 'thread':
        this.emit('thread', message.phase === 'ready' ? 'ready' : 'over', Number(message.thread))
        return
      case 'channel':
        this.emit('channel', String(message.name), String(message.data), Number(message.thread))
        return
      case 'resigned':
        this.emit('resigned', Number(message.thread))
        return
      case 'loaded':
        this.emit('loaded', message.files)
        return
      case 'slow':
        this.emit('slow', message.episode)
        return
      case 'captured':
        this.#captures.get(message.id)?.(message)
        this.#captures.delete(message.id)
        return
      case 'pressure':
        this.emit('pressure')
        return
      case 'leaving':
        if (!this.#isLeaving) this.emit('leaving')
        return
      case 'moves':
        this.emit('moves')
        return
      case 'drained':
        this.#isLeaving = true
        return
      default:
        // 'alive' has said all; and what a child sends is not trusted to be of a known type.
        return
    }
  }

  /**
   * What it has said last may be read after its exit is known (with the signal of one child Node reaps others, too), and before the end of its channel.
   */
  #exited(exit: Exit): void {
    if (!this.#process.connected) {
      this.#gone(exit)
      return
    }
    const over = (): void => {
      clearTimeout(limit)
      this.#process.off('disconnect', over)
      this.#gone(exit)
    }
    // A program that it has left behind may hold the other end open.
    const limit = setTimeout(over, CHANNEL_AFTER_EXIT_MS)
    this.#process.once('disconnect', over)
  }

  #gone(exit: Exit): void {
    this.#state = 'gone'
    this.emit('exit', exit)
  }
}

/** What a child sends is taken as a mere figure. */
function numberOf(sent: unknown): number | undefined {
  return typeof sent === 'number' ? sent : undefined
}

/**
 * libuv would do file operations through io_uring, if the user asks for that or Node is older than 20.11.1, and such a ring keeps
 * the rights of the moment in which it was made (CVE-2024-22017).
 */
function childEnvironment(dropsPrivileges: boolean): NodeJS.ProcessEnv {
  const { [TOKEN_VARIABLE]: _, ...environment } = process.env
  return {
    ...withoutSystemd(withoutInspector(environment)),
    ...(dropsPrivileges ? { UV_USE_IO_URING: '0' } : {}),
  }
}
