import type { Lease } from '../shared/thread-starts.js'
import { resumed } from '../sync/entry.js'
import { Parking } from '../sync/parking.js'
import type { Scoreboard } from '../sync/scoreboard.js'
import { Transfer } from '../sync/transfer.js'
import { MOST_OF_DRAIN, TransitWatch } from '../sync/transit-watch.js'
import { Epoll } from '../sys/epoll.js'

/** How often to look whether what was sent off has been taken. */
const LOOK_MS = 10

export interface DeparturesOptions {
  readonly transfer: Transfer
  readonly parking: Parking
  /** How long one may be on its way, at most. */
  readonly mostMs: number
  /** The first one is on its way. */
  readonly begun: () => void
  /** One that nobody takes is this thread's again, as an entry. */
  readonly back: (entry: number) => void
  /** So many could have gone, and had to stay. */
  readonly stayed: (count: number) => void
}

/**
 * What a thread that leaves sends to other processes. **Whoever sends waits until it is taken, or takes it back**: so nothing is left on its way,
 * where nobody watches it, when the last that could have served it is gone. Nobody takes it if no process has room, or all of them leave after all
 * (the end of the pool comes during a reload); then it is served here, and asked to go.
 */
export class Departures {
  readonly #options: DeparturesOptions
  readonly #whenStuck: (() => void)[] = []
  readonly #whenSettled: (() => void)[] = []
  readonly #watch: TransitWatch
  #looks: NodeJS.Timeout | undefined
  #hasBegun = false
  #isStuck = false

  constructor(options: DeparturesOptions) {
    this.#options = options
    this.#watch = new TransitWatch(options.transfer, options.mostMs)
  }

  /** Nobody takes them. */
  get isStuck(): boolean {
    return this.#isStuck
  }

  /** Calls `stuck` when it has turned out that nobody takes them, before those on their way are taken back. */
  onStuck(stuck: () => void): void {
    this.#whenStuck.push(stuck)
  }

  /** False if there is no room on the way. The caller closes its own descriptor afterwards, or keeps it. */
  send(fd: number): boolean {
    const { transfer, begun } = this.#options
    if (!transfer.put(fd)) return false
    if (!this.#hasBegun) begun()
    this.#hasBegun = true
    this.#looks ??= setInterval(this.#look, LOOK_MS)
    return true
  }

  /** Those that could have gone stay. */
  stayed(count: number): void {
    this.#options.stayed(count)
  }

  giveUp(): void {
    if (this.#isStuck) return
    const { transfer, back, stayed } = this.#options
    this.#isStuck = true
    for (const stuck of this.#whenStuck) stuck()
    for (let left = transfer.waiting; left > 0; left--) {
      const { fd } = transfer.take()
      if (fd < 0) break
      stayed(1)
      back(resumed(fd))
    }
    this.#settle()
  }

  /** Resolves when nothing that was sent is on its way any more. */
  async settled(): Promise<void> {
    if (this.#looks !== undefined)
      await new Promise<void>((resolve) => this.#whenSettled.push(resolve))
  }

  readonly #look = (): void => {
    const { transfer, parking } = this.#options
    const isStuck = this.#watch.isStuck(performance.now())
    if (transfer.waiting === 0) this.#settle()
    else if (isStuck || !parking.orders.moves) this.giveUp()
  }

  #settle(): void {
    clearInterval(this.#looks)
    this.#looks = undefined
    for (const resolve of this.#whenSettled.splice(0)) resolve()
  }
}

/** Those of a thread; none where connections never leave their process. */
export function departuresFor(
  { slot, keepAlive, parking, transfer, memory, drainTimeout }: Lease,
  scoreboard: Scoreboard,
  events: Pick<DeparturesOptions, 'begun' | 'back'>,
): Departures | undefined {
  if (keepAlive === 'pin' || parking === undefined || transfer === undefined) return undefined
  return new Departures({
    ...events,
    mostMs: drainTimeout * MOST_OF_DRAIN,
    transfer: new Transfer(transfer, scoreboard),
    parking: new Parking(memory, new Epoll(parking.epoll), parking.wake),
    stayed: (count) => scoreboard.addToField(slot, 'unmoved', count),
  })
}
