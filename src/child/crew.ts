import type { StartChild } from '../shared/messages-to-child.js'
import type { WayOfLeaving } from '../shared/messages-to-worker.js'
import type { TlsTerms } from '../shared/terms.js'
import { LockOwner } from '../sync/child-memory.js'
import type { HandOff } from '../sync/hand-off.js'
import { MAX_THREADS } from '../sync/limits.js'
import type { Scoreboard } from '../sync/scoreboard.js'
import { emptyRow } from '../sync/thread-rows.js'
import type { LeaseTerms } from './lease-terms.js'
import { LeftPrograms } from './left-programs.js'
import type { ThreadDeaths } from './thread-deaths.js'
import { type ThreadEvents, WorkerThread } from './worker-thread.js'

export interface CrewEvents extends Omit<ThreadEvents, 'leaves' | 'killed'> {
  readonly thread: (phase: 'ready' | 'over', thread: number) => void
  /** The thread is over, and what it had in hand is on its way to the others. */
  readonly gone: (thread: number) => void
}

export interface CrewOptions {
  readonly start: StartChild
  readonly terms: LeaseTerms
  readonly deaths: ThreadDeaths
  readonly handOff: HandOff
  readonly scoreboard: Scoreboard
  readonly events: CrewEvents
}

/** The worker threads of this child, each in its place from 0 to `MAX_THREADS` - 1 until it is over. How many there shall be is the matter of `CrewSize`. */
export class Crew {
  readonly #options: CrewOptions
  readonly #threads = new Map<number, WorkerThread>()
  readonly #programs = new LeftPrograms()

  constructor(options: CrewOptions) {
    this.#options = options
  }

  get threads(): Iterable<WorkerThread> {
    return this.#threads.values()
  }

  count(state: WorkerThread['state']): number {
    let count = 0
    for (const thread of this.#threads.values()) if (thread.state === state) count++
    return count
  }

  /** Places for threads: those that leave keep theirs until they are over. */
  get room(): number {
    return MAX_THREADS - this.#threads.size
  }

  /** Threads that will idle in a moment: those that start, and one that gives back memory. */
  get spare(): number {
    let spare = 0
    for (const thread of this.#threads.values())
      if (thread.state === 'starting' || thread.isResting) spare++
    return spare
  }

  /**
   * Starts a thread in a free place; there must be one. A program has `listenWithinMs` to listen. `leaves` is called if
   * the thread begins to leave by itself.
   */
  start(listenWithinMs: number, leaves: ThreadEvents['leaves']): WorkerThread {
    const { start, terms, scoreboard, events } = this.#options
    const { slot, execArgv, env, resourceLimits } = start
    const thread = this.#freeId()
    scoreboard.rows.write(slot, thread, emptyRow('S'))
    // Not that of the thread that was in this place before.
    scoreboard.rows.writeRequest(slot, thread, '')
    scoreboard.rows.writeUpgraded(slot, thread, 0)
    const started = new WorkerThread(
      terms.for(thread, listenWithinMs),
      { execArgv, env, resourceLimits },
      { ...events, leaves, killed: (id) => this.#options.handOff.endsThread(id) },
      this.#programs,
    )
    this.#threads.set(thread, started)
    const forget = (): void => this.#forget(started)
    started.over.then(forget, forget)
    started.ready.then(
      () => events.thread('ready', thread),
      () => undefined,
    )
    return started
  }

  #forget(thread: WorkerThread): void {
    const { start, deaths, handOff, scoreboard, events } = this.#options
    this.#threads.delete(thread.id)
    // What it had in hand goes to the others a moment later; nobody waits for that.
    void handOff.recover(LockOwner.control, thread.id)
    events.gone(thread.id)
    events.thread('over', thread.id)
    deaths.noteLost(thread)
    scoreboard.retireThread(start.slot, thread.id)
  }

  /** To be called now and then. */
  reapPrograms(): void {
    this.#programs.look()
  }

  /** A message on a channel, for all threads but the one that it came from. */
  broadcast(name: string, data: string, except: number): void {
    for (const thread of this.#threads.values())
      if (thread.id !== except) thread.pool.deliver(name, data)
  }

  /** Messages were lost on their way to this child. */
  lost(count: number): void {
    for (const thread of this.#threads.values()) thread.pool.lost(count)
  }

  /** If the thread is over, the parent hears of that. */
  lead(thread: number): void {
    this.#threads.get(thread)?.pool.lead()
  }

  /** New certificates, for the threads that run and those to come. */
  renewTls(tls: readonly TlsTerms[]): void {
    this.#options.terms.renewTls(tls)
    for (const thread of this.#threads.values()) thread.renewTls(tls)
  }

  /** The whole pool ends: no response from here on keeps its connection. */
  endsSoon(): void {
    for (const thread of this.#threads.values()) thread.endsSoon()
  }

  /** Ends all leases: threads finish what they have, and what is still queued. Resolves when all are over. */
  async endAll(way: WayOfLeaving): Promise<void> {
    const all = [...this.#threads.values()]
    for (const thread of all) thread.end(true, way)
    await Promise.allSettled(all.map(({ over }) => over))
  }

  #freeId(): number {
    for (let id = 0; id < MAX_THREADS; id++) if (!this.#threads.has(id)) return id
    throw new Error('unreachable: more threads than MAX_THREADS')
  }
}
