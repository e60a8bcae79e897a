import { fail, type SerializedError, serializeError } from '../shared/errors.js'
import type {
  CaptureThread,
  ChannelLost,
  ChannelToChild,
  LeadPool,
  ResizeChild,
  StartChild,
} from '../shared/messages-to-child.js'
import type { ChildMessage } from '../shared/messages-to-parent.js'
import {
  finish,
  type StandardOutput,
  type StandardTerms,
  takeOver,
} from '../shared/standard-output.js'
import type { TlsTerms } from '../shared/terms.js'
import { ClearHttp } from '../sync/clear-http.js'
import type { Scoreboard } from '../sync/scoreboard.js'
import { exitImmediately } from '../sys/exit.js'
import type { AccessLogFile } from './access-log-file.js'
import { captureThread } from './capture-thread.js'
import { Crew, type CrewEvents } from './crew.js'
import { CrewSize } from './crew-size.js'
import { Drain, type DrainTerms } from './drain.js'
import { killThread } from './kill-thread.js'
import { LeaseTerms } from './lease-terms.js'
import type { Listening } from './listening.js'
import { removeLeftovers } from './lock-files.js'
import { openListening } from './open-listening.js'
import { openShared } from './open-shared.js'
import { type ParkerThread, parkerThread } from './parker-thread.js'
import { ThreadDeaths } from './thread-deaths.js'
import { Watches } from './watches.js'

/** How long a drained child waits for the end of its listener thread. */
const LAST_THREAD_MS = 100

/** Where what is printed goes. */
export interface ChildOutput {
  readonly standard: StandardTerms
  readonly output: StandardOutput
  readonly accessLog: AccessLogFile | undefined
}

/** A child process from its start message on: some worker threads, a listener thread where a mutex needs it, and a parker when one is needed. */
export class Child {
  readonly #start: StartChild
  readonly #scoreboard: Scoreboard
  readonly #clearHttp: ClearHttp
  readonly #parker: ParkerThread | undefined
  readonly #crew: Crew
  readonly #size: CrewSize
  readonly #watches: Watches
  readonly #listener: Listening
  readonly #drain: Drain
  readonly #output: StandardOutput
  readonly #send: (message: ChildMessage) => Promise<void>
  #hasToldOfMoves = false

  constructor(
    start: StartChild,
    lockFiles: readonly number[],
    { standard, output, accessLog }: ChildOutput,
    send: (message: ChildMessage) => Promise<void>,
  ) {
    this.#start = start
    this.#output = output
    this.#send = send
    const shared = openShared(start, lockFiles)
    const { scoreboard, handOff } = shared
    this.#scoreboard = scoreboard
    this.#clearHttp = new ClearHttp(shared.memory)
    const report = (error: SerializedError, thread?: number): void =>
      void send({ type: 'report', error, ...(thread === undefined ? {} : { thread }) })
    const parker = parkerThread(start, shared, report)
    this.#parker = parker
    const terms = new LeaseTerms(start, shared, { standard, accessLog: accessLog?.terms })
    const deaths = new ThreadDeaths(start.slot, scoreboard, report)
    const events = this.#crewEvents(report, output, accessLog)
    const crew = new Crew({ start, terms, deaths, handOff, scoreboard, events })
    this.#crew = crew
    const decision = (action: string, reason: string, thread?: number): void =>
      void send({ type: 'decision', action, reason, ...(thread === undefined ? {} : { thread }) })
    const sized = { start, crew, terms, deaths, handOff, scoreboard, report, decision }
    const size = new CrewSize(sized)
    this.#size = size
    const watches = new Watches(start, shared, crew, size, {
      slow: (episode) => void send({ type: 'slow', episode }),
      pressure: () => void send({ type: 'pressure' }),
    })
    this.#watches = watches
    const listener = openListening(start, shared, this.#clearHttp, report)
    this.#listener = listener
    listener.failure().catch((error: unknown) => this.#giveUp(error))
    const moves = (): void => this.#tellOfMoves()
    this.#drain = new Drain({ start, shared, listener, parker, crew, size, watches, moves })
    void this.#open()
  }

  #crewEvents(
    report: CrewEvents['report'],
    output: StandardOutput,
    accessLog: AccessLogFile | undefined,
  ): CrewEvents {
    const send = this.#send
    return {
      report,
      thread: (phase, thread) => void send({ type: 'thread', phase, thread }),
      loaded: (files) => void send({ type: 'loaded', files }),
      notice: (text) => void send({ type: 'notice', text }),
      asks: (asked) => void send({ type: 'asks', asked }),
      posted: (thread, name, data, sent) =>
        void send({ type: 'channel', name, data, thread }).then(sent),
      resigned: (thread) => void send({ type: 'resigned', thread }),
      wantsParker: () => this.#parker?.start(),
      moves: () => this.#tellOfMoves(),
      gone: (thread) => this.#parker?.recover(thread),
      left: (lease) => {
        takeOver(output, lease.pending)
        if (lease.accessLog !== undefined) accessLog?.takeOver(lease.accessLog.pending)
      },
    }
  }

  /** See `Drain`. */
  async drain(terms: DrainTerms): Promise<void> {
    await this.#drain.run(terms)
  }

  /** Others leave: what they had parked is parked here. */
  receive(takes: boolean): void {
    if (!this.#drain.hasBegun) this.#parker?.receive(takes)
  }

  /**
   * Drained: whether no thread of this child runs any more, so that the process can exit as any other does. Node's exit waits for
   * its threads, and the listener thread may sleep in C code for ever.
   */
  async hasOnlyMainThread(): Promise<boolean> {
    return await this.#listener.hasEndedWithin(LAST_THREAD_MS)
  }

  /** For a child that does not come to the end of its drain. */
  removeLeftovers(): void {
    removeLeftovers(this.#start)
  }

  /** See `captureThread`. */
  async capture({ id, thread, kind, seconds }: CaptureThread): Promise<void> {
    try {
      const worker = [...this.#crew.threads].find((one) => one.id === thread)
      const threadId = worker?.threadId
      if (worker === undefined || threadId === undefined)
        throw new Error(`there is no thread ${thread} that is ready`)
      if (kind === 'kill') {
        const request = this.#scoreboard.rows.readRequest(this.#start.slot, worker.id)
        const stack = await killThread(worker, fail('FT_ERR_THREAD_KILLED', [request]))
        this.#send({ type: 'captured', id, stack })
        return
      }
      const captured = { threadId, heapSnapshot: () => worker.heapSnapshot() }
      this.#send({ type: 'captured', id, path: await captureThread(captured, kind, seconds) })
    } catch (error) {
      this.#send({ type: 'captured', id, error: serializeError(error) })
    }
  }

  resize({ threads, spares }: ResizeChild): void {
    this.#size.resize(threads, spares)
  }

  /** What the parent says to the threads of the whole pool. */
  tellThreads(message: ChannelToChild | ChannelLost | LeadPool): void {
    if (message.type === 'channel') this.#crew.broadcast(message.name, message.data, message.except)
    else if (message.type === 'lead') this.#crew.lead(message.thread)
    else this.#crew.lost(message.count)
  }

  renewTls(tls: readonly TlsTerms[]): void {
    this.#crew.renewTls(tls)
  }

  #tellOfMoves(): void {
    if (this.#hasToldOfMoves) return
    this.#hasToldOfMoves = true
    void this.#send({ type: 'moves' })
  }

  async #open(): Promise<void> {
    try {
      const kinds = await this.#size.open()
      if (this.#drain.hasBegun) return
      this.#clearHttp.note(kinds)
      this.#scoreboard.setField(this.#start.slot, 'serving', 1)
      this.#send({ type: 'ready', kinds })
    } catch (error) {
      this.#giveUp(error)
      return
    }
    this.#watches.start()
  }

  #giveUp(error: unknown): void {
    finish(this.#output)
    process.send?.({ type: 'failed', error: serializeError(error) }, undefined, undefined, () =>
      exitImmediately(1),
    )
    // The parent may be gone, too.
    if (!process.connected) exitImmediately(1)
  }
}
