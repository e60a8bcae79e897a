import type { DrainChild, StartChild } from '../shared/messages-to-child.js'
import { MOST_OF_DRAIN } from '../sync/transit-watch.js'
import { closeDescriptor } from '../sys/descriptor.js'
import type { Crew } from './crew.js'
import type { CrewSize } from './crew-size.js'
import type { Listening } from './listening.js'
import { removeLeftovers } from './lock-files.js'
import type { Shared } from './open-shared.js'
import type { ParkerThread } from './parker-thread.js'
import { acceptRest, serveMailbox } from './serve-what-waits.js'
import type { Watches } from './watches.js'

/** What a leaving child is to do beside what it has. */
export type DrainTerms = Pick<DrainChild, 'emptyMailbox' | 'moves'> &
  Partial<Pick<DrainChild, 'backlogs'>>

export interface DrainOptions {
  readonly start: StartChild
  readonly shared: Shared
  readonly listener: Listening
  readonly parker: ParkerThread | undefined
  readonly crew: Crew
  readonly size: CrewSize
  readonly watches: Watches
  /** Connections move to other processes from now on. */
  readonly moves: () => void
}

/** How a child leaves: it stops accepting, and finishes what there is. */
export class Drain {
  readonly #options: DrainOptions
  #done: Promise<void> | undefined
  /** As the parent has said it last. */
  #terms: DrainTerms = { emptyMailbox: false, moves: false }
  #from = 0

  constructor(options: DrainOptions) {
    this.#options = options
  }

  get hasBegun(): boolean {
    return this.#done !== undefined
  }

  /**
   * Finishes also what waits in the kernel by now, for the listeners in `backlogs` (all, if it is not given).
   * Said once more, it means that others leave, too, on whom this child counts.
   */
  async run(terms: DrainTerms): Promise<void> {
    if (this.#done === undefined) {
      this.#terms = terms
      this.#done = this.#runOnce()
    } else this.#othersLeave(terms)
    await this.#done
  }

  #othersLeave({ emptyMailbox, moves }: DrainTerms): void {
    const { parker, crew } = this.#options
    const before = this.#terms
    this.#terms = {
      ...before,
      emptyMailbox: before.emptyMailbox || emptyMailbox,
      moves: before.moves && moves,
    }
    if (!before.moves) return
    if (emptyMailbox) parker?.redirect(moves ? 'moveAll' : 'close')
    // After that: from here on threads ask all of their clients to go.
    if (!moves) crew.endsSoon()
  }

  get #moves(): boolean {
    return this.#terms.moves && this.#options.start.transfer !== undefined
  }

  async #runOnce(): Promise<void> {
    const { start, shared, listener, parker, crew, size, watches, moves } = this.#options
    this.#from = performance.now()
    watches.stop()
    shared.scoreboard.setField(start.slot, 'serving', 0)
    await listener.stop()
    if (!this.#terms.moves) crew.endsSoon()
    if (this.#moves && (parker?.parkedCount ?? 0) > 0) moves()
    const moveOut = this.#terms.emptyMailbox ? 'moveAll' : 'move'
    const way = this.#moves ? moveOut : 'close'
    // The threads serve on meanwhile, what is accepted and what was parked.
    const [hasSentOut] = await Promise.all([
      parker?.sendOut(way, start.drainTimeout * MOST_OF_DRAIN),
      this.#serveWaiting(),
    ])
    const isStuck = way !== 'close' && hasSentOut === false
    if (isStuck) await this.#closeUnmoved()
    // Of a pool that ends, too, one may have been in use just now.
    const isLate = this.#moves || start.shutdownIdleTimeout > 0
    await parker?.stop(isLate ? 'queue' : 'close')
    // What the parker put in behind the first look.
    await this.#serveMailbox()
    const poolStays = this.#terms.moves && !isStuck
    await size.endAll({
      to: this.#moves && !isStuck ? 'pool' : 'nobody',
      idleMs: this.#mostIdleMs(poolStays),
      unmovedIdleMs: this.#mostIdleMs(false),
    })
    removeLeftovers(start)
  }

  /** Nobody had room for them, or is left: they go as at the end of the pool. */
  async #closeUnmoved(): Promise<void> {
    const { start, shared, parker, crew } = this.#options
    crew.endsSoon()
    const isGone = parker?.sendOut('close', start.drainTimeout * MOST_OF_DRAIN)
    const unmoved = (parker?.parkedCount ?? 0) + ((await parker?.takeBack()) ?? 0)
    if (this.#moves) shared.scoreboard.addToField(start.slot, 'unmoved', unmoved)
    await isGone
  }

  /** What nobody else serves: waiting in backlogs that end, and in the mailbox. */
  async #serveWaiting(): Promise<void> {
    const { start, shared } = this.#options
    const { listeners } = start
    const { backlogs } = this.#terms
    const isEnding = (index: number): boolean => backlogs?.includes(index) ?? true
    if (listeners.some((_, index) => isEnding(index)))
      await acceptRest(listeners, isEnding, shared.handOff)
    await this.#serveMailbox()
    // The last process to close them makes the kernel refuse connections.
    for (const listener of listeners) closeDescriptor(listener)
  }

  async #serveMailbox(): Promise<void> {
    const { mailbox, handOff } = this.#options.shared
    if (this.#terms.emptyMailbox && mailbox !== undefined) await serveMailbox(mailbox, handOff)
  }

  /**
   * How long a connection may be idle that stays with its thread until its next response. If the pool stays, it is as long as ever, but
   * not so long that the end of the patience with this process meets it.
   */
  #mostIdleMs(poolStays: boolean): number {
    const { shutdownIdleTimeout, drainTimeout, timeouts } = this.#options.start
    const usualMs = timeouts.keepAliveTimeout || Number.POSITIVE_INFINITY
    const leftMs = drainTimeout * 0.8 - (performance.now() - this.#from)
    return Math.max(0, Math.min(poolStays ? usualMs : shutdownIdleTimeout, usualMs, leftMs))
  }
}
