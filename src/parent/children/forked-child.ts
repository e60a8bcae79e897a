import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { fail } from '../../shared/errors.js'
import type { Origin } from '../../shared/logger.js'
import type { DrainChild, StartChild } from '../../shared/messages-to-child.js'
import type { ChildMessage } from '../../shared/messages-to-parent.js'
import type { CaptureKind, ChildState } from '../../shared/stats.js'
import type { Range, TlsTerms } from '../../shared/terms.js'
import { monotonicMs } from '../../sync/clock.js'
import { ChannelPosts } from './channel-posts.js'
import { ChildChannel } from './child-channel.js'
import { type ChildEvents, type Exit, tellNews } from './child-news.js'
import { forkProcess, type Inheritance, type Inherited } from './fork-process.js'
import { ThreadQuestions } from './thread-questions.js'

/** What it needs to be told; the numbers of inherited descriptors are filled in here. */
export type StartTerms = Omit<StartChild, 'type' | keyof Inherited>

/**
 * One child process, from its fork to its exit: starting → ready → draining → gone, each step optional but the
 * last. Nothing but this class signals the pid, and only until the exit is known.
 */
export class ForkedChild extends EventEmitter<ChildEvents> {
  readonly slot: number
  readonly generation: number
  /** Epoch ms, for people. */
  readonly startedAt = Date.now()
  readonly #startedMs = monotonicMs()
  readonly #process: ChildProcess
  readonly #channel: ChildChannel
  readonly #posts: ChannelPosts
  readonly #questions: ThreadQuestions
  #state: ChildState | 'gone' = 'starting'
  #isLeaving = false
  #askedAt: number | undefined
  #killedFor: Error | undefined
  #cutOff: Error | undefined

  constructor(inheritance: Inheritance, terms: StartTerms) {
    super()
    this.slot = terms.slot
    this.generation = terms.generation
    const { process, inherited } = forkProcess(inheritance, terms.identity !== undefined)
    this.#process = process
    this.#channel = new ChildChannel(process, {
      heard: (message) => this.#heard(message),
      misheard: (error) => this.emit('report', error, undefined),
      broke: (error) => this.#channelBroke(error),
      closed: () => {
        if (!this.#isLeaving) this.#channelBroke()
      },
    })
    this.#posts = new ChannelPosts(this.#channel)
    this.#questions = new ThreadQuestions((question) => this.#channel.send(question))
    process.on('error', (error) => {
      // The fork itself failed: there will be no exit event. Later errors are of a signal or a message that came to nothing.
      if (process.pid !== undefined) return
      this.emit('failed', error)
      this.#gone({ code: null, signal: null })
    })
    process.once('exit', (code, signal) =>
      this.#channel.hearOut(() => this.#gone({ code, signal })),
    )
    this.#channel.send({ type: 'start', ...terms, ...inherited })
  }

  /** 0 when the fork failed. */
  get pid(): number {
    return this.#process.pid ?? 0
  }

  /** Whom a line of the log, or an error, is about. */
  originOf(thread?: number): Origin {
    const { slot, pid, generation } = this
    return { process: slot, pid, generation, ...(thread === undefined ? {} : { thread }) }
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
    this.#channel.send({ type: 'ask' })
  }

  /** How long a question for a sign of life has been open; 0 if none is. */
  get silentMs(): number {
    return this.#askedAt === undefined ? 0 : performance.now() - this.#askedAt
  }

  resize(threads: Range, spares: Range): void {
    this.#channel.send({ type: 'resize', threads, spares })
  }

  /** A message on a channel, for all its threads but `except`. Resolves when it is on its way, or lost. */
  async post(name: string, data: string, except = -1): Promise<void> {
    if (this.#state !== 'gone') await this.#posts.post(name, data, except)
  }

  /** This thread of it is the one of the pool. */
  lead(thread: number): void {
    this.#channel.send({ type: 'lead', thread })
  }

  renewTls(tls: readonly TlsTerms[]): void {
    this.#channel.send({ type: 'tls', tls })
  }

  reopenLogs(): void {
    this.#channel.send({ type: 'reopen' })
  }

  /** Asks the child to finish and leave. */
  drain(terms: Omit<DrainChild, 'type'>): void {
    if (this.#state === 'gone') return
    this.#state = 'draining'
    this.#isLeaving = true
    this.#channel.send({ type: 'drain', ...terms })
  }

  /** Another process leaves, and this one is to take over its idle connections. */
  receive(takes: boolean): void {
    this.#channel.send({ type: 'receive', takes })
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
    const { path } = await this.#questions.ask({ thread, kind, seconds })
    if (typeof path !== 'string') throw new Error('no answer')
    return path
  }

  /** Ends a thread, whatever it does; where it was, from the inside out, if that could be had. */
  async killThread(thread: number): Promise<readonly string[]> {
    const { stack } = await this.#questions.ask({ thread, kind: 'kill', seconds: 0 })
    return Array.isArray(stack) ? stack.map(String) : []
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

  #heard(message: ChildMessage): void {
    // Whatever it says, it lives.
    this.#askedAt = undefined
    switch (message.type) {
      case 'ready':
        if (this.#state !== 'starting') return
        this.#state = 'ready'
        this.emit('ready', message.kinds)
        return
      case 'captured':
        this.#questions.answer(message)
        return
      case 'leaving':
        if (!this.#isLeaving) this.emit('leaving')
        return
      case 'drained':
        this.#isLeaving = true
        return
      default:
        tellNews(this, message)
    }
  }

  #gone(exit: Exit): void {
    this.#state = 'gone'
    this.#channel.end()
    this.#questions.end(new Error(`child ${this.pid} is gone`))
    this.emit('exit', exit)
  }
}
