import { setTimeout as sleep } from 'node:timers/promises'
import type { StartChild } from '../shared/messages-to-child.js'
import type { SlowEpisode } from '../shared/slow.js'
import { BlockedWatch } from './blocked-watch.js'
import type { Crew } from './crew.js'
import type { CrewSize } from './crew-size.js'
import type { Shared } from './open-shared.js'
import { RestWatch } from './rest-watch.js'
import { SlowWatch } from './slow-watch.js'

/** How often a child looks at its size and its threads when nothing makes it look earlier. */
const LOOK_EVERY_MS = 1000

/** After a look because of pressure: how long the next one waits, when threads can be added and when only processes can. */
const PRESSURE_PAUSE_MS = 20
const FULL_PAUSE_MS = 250

export interface WatchEvents {
  readonly slow: (episode: SlowEpisode) => void
  /** No thread of the pool is idle, and this child can start none. */
  readonly pressure: () => void
}

/** When a child looks at its threads: whether they are enough, blocked, slow, or could rest. */
export class Watches {
  readonly #start: StartChild
  readonly #shared: Shared
  readonly #crew: Crew
  readonly #size: CrewSize
  readonly #events: WatchEvents
  readonly #blocked: BlockedWatch
  readonly #slow: SlowWatch
  readonly #rest: RestWatch
  readonly #timers: NodeJS.Timeout[] = []
  #isStopped = false

  constructor(start: StartChild, shared: Shared, crew: Crew, size: CrewSize, events: WatchEvents) {
    this.#start = start
    this.#shared = shared
    this.#crew = crew
    this.#size = size
    this.#events = events
    const { slot, blockedTimeout, slowThreshold } = start
    const { handOff, scoreboard } = shared
    this.#blocked = new BlockedWatch(slot, blockedTimeout, crew, handOff, scoreboard)
    this.#slow = new SlowWatch(slot, slowThreshold, crew, handOff, scoreboard, events.slow)
    this.#rest = new RestWatch(slot, crew, handOff, scoreboard)
  }

  /** When the crew is open. */
  start(): void {
    this.#timers.push(
      setInterval(() => {
        this.#crew.reapPrograms()
        this.#size.look()
        this.#rest.look()
        this.#slow.lookForWork()
      }, LOOK_EVERY_MS),
      setInterval(() => this.#blocked.look(), this.#blocked.everyMs),
    )
    if (this.#start.slowThreshold > 0) this.#slow.start()
    void this.#followPressure()
  }

  /** The child leaves, and its size and its blocked threads are looked after no more. */
  stop(): void {
    this.#isStopped = true
    for (const timer of this.#timers) clearInterval(timer)
    this.#slow.stop()
  }

  /** A burst is answered within milliseconds, not at the next regular look. */
  async #followPressure(): Promise<void> {
    const { handOff, scoreboard } = this.#shared
    while (!this.#isStopped) {
      await handOff.standings.nextPressure()
      if (this.#size.canGrow) {
        this.#size.look()
        await sleep(PRESSURE_PAUSE_MS)
      } else {
        if (scoreboard.spareElsewhere(this.#start.slot) === 0) this.#events.pressure()
        await sleep(FULL_PAUSE_MS)
      }
    }
  }
}
