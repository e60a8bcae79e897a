import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { deserializeError, fail, type SerializedError, serializeError } from '../shared/errors.js'
import type { LoadedFile } from '../shared/loaded-file.js'
import type { WorkerMessage } from '../shared/messages-from-worker.js'
import type { RenewTls } from '../shared/messages-to-child.js'
import type {
  AskForCode,
  EndLease,
  EndsSoon,
  RestThread,
  WayOfLeaving,
} from '../shared/messages-to-worker.js'
import { threadPending } from '../shared/standard-output.js'
import type { AskedListener, HandlerKind, TlsTerms } from '../shared/terms.js'
import { threadCode, threadCodeIs } from '../shared/thread-code.js'
import type { Lease } from '../shared/thread-starts.js'
import { userStack } from '../shared/user-stack.js'
import { monotonicMs } from '../sync/clock.js'
import type { LeftPrograms } from './left-programs.js'
import { OneThread, type ThreadEnvironment } from './one-thread.js'
import { PoolLine } from './pool-line.js'
import { isExit, startError } from './start-error.js'

export interface ThreadEvents {
  readonly report: (error: SerializedError, thread: number) => void
  /** The handler has loaded these files. */
  readonly loaded: (files: readonly LoadedFile[]) => void
  /** It would park connections, if there were a parker. */
  readonly wantsParker: () => void
  /** It has moved a connection to another process. */
  readonly moves: () => void
  readonly notice: (text: string) => void
  /** It runs a program, which would listen there. */
  readonly asks: (asked: readonly AskedListener[]) => void
  readonly posted: (thread: number, name: string, data: string, sent: () => void) => void
  /** It was the leader, and is it no more. */
  readonly resigned: (thread: number) => void
  /** It has begun to leave by itself. */
  readonly leaves: (thread: WorkerThread, why: string) => void
  /** It is about to be ended. */
  readonly killed: (thread: number) => void
  /** The thread is over; this it has printed, and nobody has read it yet. */
  readonly left: (lease: Pick<Lease, 'pending' | 'accessLog'>) => void
}

/**
 * One worker thread and its lease: starting → ready → ending → over, each step optional but the last.
 */
export class WorkerThread {
  readonly id: number
  /** Of the machine's monotonic clock. */
  readonly startedMs = monotonicMs()
  /** Resolves when the handler is loaded, rejects when the thread ended before. */
  readonly ready: Promise<readonly HandlerKind[]>
  /** Settles when the thread runs no more: fulfilled if it returned its lease, rejected with what it died of. */
  readonly over: Promise<void>
  /** What it shares with the whole pool. */
  readonly pool: PoolLine
  readonly #thread: OneThread
  readonly #port: MessagePort
  readonly #report: ThreadEvents['report']
  readonly #killed: ThreadEvents['killed']
  readonly #handler: string
  readonly #execArgv: readonly string[] | undefined
  #state: 'starting' | 'ready' | 'ending' = 'starting'
  #threadId: number | undefined
  /** It has finished what it had, and only ends. */
  #isDone = false
  /** Its place may be another one's by now. */
  #isOver = false
  /** What is known of its death beyond what piscina says. */
  #diedOf: Error | undefined
  /** What the app has given `process.exit`. */
  #exitCode: number | undefined
  #requests: readonly string[] = []
  #rested: ((isDone: boolean) => void) | undefined

  constructor(
    terms: Omit<Lease, 'port' | 'poolPort' | 'pending'>,
    environment: ThreadEnvironment,
    events: ThreadEvents,
    programs: LeftPrograms,
  ) {
    this.id = terms.thread
    this.#report = events.report
    this.#killed = events.killed
    this.#handler = terms.handler
    this.#execArgv = environment.execArgv
    const { port1, port2 } = new MessageChannel()
    const { port1: line, port2: poolPort } = new MessageChannel()
    this.#port = port1
    this.pool = new PoolLine(line, {
      posted: (name, data, sent) => events.posted(this.id, name, data, sent),
      resigned: () => events.resigned(this.id),
    })
    // What the user's code throws when no lease runs: its loading has failed, or it has thrown before. It dies of that, alone.
    this.#thread = new OneThread(environment, (error) => {
      // Or a preload has failed before there was a lease, and piscina would go on waiting.
      const isFirst = this.#state === 'starting' && this.#diedOf === undefined
      if (isFirst) {
        this.kill(this.#startError(error))
        // The thread has never had the other end.
        this.#port.close()
      } else this.#failedLate(error)
    })
    port1.on('messageerror', (error) => this.#failedLate(error))
    const pending = threadPending()
    const lease: Lease = { ...terms, pending, port: port2, poolPort }
    const run = this.#run(lease)
    this.over = this.#untilOver(run).finally(() => {
      this.#isOver = true
      programs.threadOver(this)
      this.pool.close()
      this.#rested?.(false)
      events.left(lease)
    })
    const loaded = new Promise<readonly HandlerKind[]>((resolve) => {
      port1.on('message', (message: WorkerMessage) => {
        if (message.type === 'report') return events.report(message.error, this.id)
        if (message.type === 'loaded') return events.loaded(message.files)
        if (message.type === 'parker') return events.wantsParker()
        if (message.type === 'moves') return events.moves()
        if (message.type === 'code') return threadCodeIs(message.code)
        if (message.type === 'rested') return this.#rested?.(message.isDone)
        if (message.type === 'notice') return events.notice(message.text)
        if (message.type === 'asks') return events.asks(message.asked)
        if (message.type === 'dies') {
          this.#requests = message.requests
          return
        }
        if (message.type === 'exits') {
          this.#exitCode = message.code
          return
        }
        if (message.type === 'leaves') {
          this.#state = 'ending'
          return events.leaves(this, message.why)
        }
        if (message.type === 'program') return programs[message.phase](this, message.pid)
        if (message.type === 'done') {
          this.#isDone = true
          return
        }
        if (message.type === 'failed') {
          this.#diedOf ??= deserializeError(message.error)
          return
        }
        if (this.#state === 'starting') this.#state = 'ready'
        this.#threadId = message.threadId
        resolve(message.kinds)
      })
    })
    // A lease that ends first says why the thread never became ready.
    this.ready = Promise.race([loaded, this.over.then(() => loaded)])
  }

  get state(): 'starting' | 'ready' | 'ending' {
    return this.#state
  }

  /** What was in flight when an exception ended it, as far as it could tell. */
  get requests(): readonly string[] {
    return this.#requests
  }

  /** Node's id of the thread, as long as it runs. */
  get threadId(): number | undefined {
    return this.#threadId ?? this.#thread.threadId
  }

  /** Asks for the lease back: the thread finishes what it has. With `takeRest` also what is still queued. */
  end(takeRest: boolean, way: WayOfLeaving): void {
    this.#state = 'ending'
    this.#port.postMessage({ type: 'end', takeRest, way } satisfies EndLease)
  }

  /** The end will be asked for soon, and nobody stays who could go on with its connections. */
  endsSoon(): void {
    this.#port.postMessage({ type: 'ends soon' } satisfies EndsSoon)
  }

  /** Whether it gives back memory just now, and is not idle for that. */
  get isResting(): boolean {
    return this.#rested !== undefined
  }

  /** Has it give back memory; false if it could not be spared, or is over. */
  async rest(): Promise<boolean> {
    const rested = new Promise<boolean>((resolve) => {
      this.#rested = resolve
    })
    this.#port.postMessage({ type: 'rest' } satisfies RestThread)
    const isDone = await rested
    this.#rested = undefined
    return isDone
  }

  /** Has it hand over what V8 made of its code, unless one has done so. */
  askForCode(): void {
    if (threadCode() === undefined) this.#port.postMessage({ type: 'code' } satisfies AskForCode)
  }

  renewTls(tls: readonly TlsTerms[]): void {
    this.#port.postMessage({ type: 'tls', tls } satisfies RenewTls)
  }

  /** A snapshot of its heap, as DevTools read it; the thread stops until it is written. */
  async heapSnapshot(): Promise<Readable> {
    const snapshot = await this.#thread.heapSnapshot()
    if (snapshot === undefined) throw new Error(`thread ${this.id} is over`)
    return snapshot
  }

  /** Ends the thread whatever it does; `over` rejects with `reason`. */
  kill(reason: Error): void {
    this.#diedOf ??= reason
    void this.#end()
  }

  /** Resolves when the thread runs no more. */
  async #end(): Promise<void> {
    if (!this.#isOver) this.#killed(this.id)
    await this.#thread.end()
  }

  async #run(lease: Lease): Promise<unknown> {
    try {
      return await this.#thread.run(lease)
    } catch (error) {
      if (this.#thread.isStillborn) this.#port.close()
      throw error
    }
  }

  async #untilOver(run: Promise<unknown>): Promise<void> {
    // The thread's end of the channel closes when it returns its lease, or else with the thread.
    const closed = once(this.#port, 'close')
    let died: { readonly error: unknown } | undefined
    try {
      await run
    } catch (error) {
      died = { error }
    }
    await this.#end()
    // Only from here on is it certain that the thread touches nothing any more, and that its last message has come.
    await closed
    if (died === undefined) return
    if (this.#isDone && this.#diedOf === undefined) {
      // It ends by itself, which piscina takes for a death. A hook of the end may still throw.
      if (!isExit(died.error)) this.#failedLate(died.error)
      return
    }
    // A thread that is to leave may say itself when it is done.
    const hasExited = this.#exitCode !== undefined && this.#diedOf === undefined
    if (hasExited && this.#state === 'ending') return
    if (this.#exitCode !== undefined && this.#state === 'ready')
      this.#diedOf ??= fail('FT_ERR_THREAD_EXIT', [this.#exitCode])
    throw this.#diedOf ?? (this.#state === 'starting' ? this.#startError(died.error) : died.error)
  }

  #startError(error: unknown): Error {
    const [handler, execArgv, exitCode] = [this.#handler, this.#execArgv, this.#exitCode]
    return startError(error, { handler, execArgv, exitCode })
  }

  /** Nobody waits for this any more; it is told all the same. */
  #failedLate(error: unknown): void {
    const why = userStack(error)
    const what = `nobody's request, in thread ${this.id} of child ${process.pid}`
    this.#report(serializeError(fail('FT_ERR_HANDLER', [what, why], error)), this.id)
  }
}
