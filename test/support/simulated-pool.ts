import { decideThreads } from '#dist/child/decide-threads.js'
import { decideProcesses } from '#dist/parent/upkeep/decide-processes.js'
import { SurplusClock } from '#dist/shared/surplus-clock.js'
import type { Range } from '#dist/shared/terms.js'
import type { Random } from './random.js'

/** As in the real pool: regular looks, and what follows when no thread is idle (child/watches.ts). */
const LOOK_EVERY_MS = 1000
const PRESSURE_PAUSE_MS = 20
const FULL_PAUSE_MS = 250

const THREAD_START_MS = 50
const PROCESS_START_MS = 200
/** How exact the clock is. */
const TICK_MS = 10

interface Thread {
  state: 'starting' | 'ready' | 'ending'
  /** When it is ready, or has finished what it serves. */
  until: number
}

interface Process {
  readonly slot: number
  readonly startedAt: number
  state: 'starting' | 'ready' | 'draining'
  readyAt: number
  threads: Thread[]
  nextLook: number
  nextPressure: number
  readonly surplus: SurplusClock
  lastRound: number
}

export interface Sizes {
  readonly processes: Range
  readonly threads: Range
  readonly spares: Range
}

export interface Change {
  readonly at: number
  readonly what: string
  readonly reason: string
}

/**
 * A pool without processes, threads and clock: requests come at random, wait in one queue, and are served by whichever
 * thread is idle; the two decisions of the real pool change its size. It checks the limits in each moment.
 */
export class SimulatedPool {
  readonly changes: Change[] = []
  now = 0
  waiting: number[] = []
  served = 0
  longestWaitMs = 0
  readonly #sizes: Sizes
  readonly #random: Random
  #processes: Process[] = []
  #nextLook = LOOK_EVERY_MS
  readonly #surplus = new SurplusClock()
  #lastRound = 0
  #backloggedLooks = 0
  #nextArrival = Number.POSITIVE_INFINITY

  constructor(sizes: Sizes, random: Random) {
    this.#sizes = sizes
    this.#random = random
    for (let count = sizes.processes.min; count > 0; count--) this.#startProcess()
  }

  get processes(): number {
    return this.#processes.filter(({ state }) => state !== 'draining').length
  }

  /** Threads that serve, or will. */
  get threads(): number {
    return this.#present(this.#processes.flatMap((process) => process.threads))
  }

  get idle(): number {
    return this.#processes.reduce((sum, process) => sum + this.#idle(process), 0)
  }

  get busy(): number {
    return this.#processes
      .flatMap(({ threads }) => threads)
      .filter(({ state, until }) => state === 'ready' && until > this.now).length
  }

  /** Lets time pass with `perSecond` requests a second on average, each of which keeps a thread for `serviceMs` on average. */
  run(ms: number, perSecond: number, serviceMs: number, look: () => void = () => {}): void {
    const endsAt = this.now + ms
    this.#nextArrival = this.now + this.#random.exponential(1000 / perSecond)
    for (; this.now < endsAt; this.now += TICK_MS) {
      for (
        ;
        this.#nextArrival <= this.now;
        this.#nextArrival += this.#random.exponential(1000 / perSecond)
      )
        this.waiting.push(this.#nextArrival)
      this.#proceed()
      this.#serve(serviceMs)
      for (const process of this.#processes) this.#lookAtThreads(process)
      if (this.now >= this.#nextLook) {
        this.#nextLook = this.now + LOOK_EVERY_MS
        this.#lookAtProcesses()
      }
      this.#check()
      look()
    }
  }

  /** What starts becomes ready, what ends goes. */
  #proceed(): void {
    for (const process of this.#processes) {
      if (process.state === 'starting' && process.readyAt <= this.now) process.state = 'ready'
      for (const thread of process.threads)
        if (thread.state === 'starting' && thread.until <= this.now) thread.state = 'ready'
      process.threads = process.threads.filter(
        ({ state, until }) => state !== 'ending' || until > this.now,
      )
    }
    this.#processes = this.#processes.filter(
      ({ state, threads }) => state !== 'draining' || threads.some(({ until }) => until > this.now),
    )
  }

  #serve(serviceMs: number): void {
    for (const process of this.#processes) {
      if (process.state !== 'ready') continue
      for (const thread of process.threads) {
        if (thread.state !== 'ready' || thread.until > this.now) continue
        const arrivedAt = this.waiting.shift()
        if (arrivedAt === undefined) return
        this.longestWaitMs = Math.max(this.longestWaitMs, this.now - arrivedAt)
        this.served++
        thread.until = this.now + this.#random.exponential(serviceMs)
      }
    }
  }

  /** As in child/crew-size.ts and child/watches.ts. */
  #lookAtThreads(process: Process): void {
    if (process.state !== 'ready') return
    const isRegular = this.now >= process.nextLook
    if (isRegular) process.nextLook = this.now + LOOK_EVERY_MS
    const isPressed = this.#idle(process) === 0 && this.now >= process.nextPressure
    const canGrow = this.#present(process.threads) < this.#sizes.threads.max
    if (isPressed) process.nextPressure = this.now + (canGrow ? PRESSURE_PAUSE_MS : FULL_PAUSE_MS)
    if (isRegular || (isPressed && canGrow)) this.#changeThreads(process)
    if (isPressed && !canGrow && this.#spareElsewhere(process) === 0) this.#lookAtProcesses()
  }

  #changeThreads(process: Process): void {
    const { spares, threads: limits } = this.#sizes
    const idleHere = this.#idle(process)
    const starting = process.threads.filter(({ state }) => state === 'starting').length
    const idleInPool = idleHere + starting + this.#spareElsewhere(process)
    const decision = decideThreads({
      limits,
      spares,
      running: process.threads.filter(({ state }) => state === 'ready').length,
      starting,
      idleHere,
      idleInPool,
      surplusMs: process.surplus.look(idleInPool > spares.max, this.now),
      givenBackMs: process.surplus.givenBackMs,
      isFirst: this.#processes.every(
        (other) => other.slot >= process.slot || !this.#canShrink(other),
      ),
      lastRound: process.lastRound,
    })
    process.lastRound = 0
    if (decision === undefined) return
    const { change, reason } = decision
    this.#note(`process ${process.slot}: ${change} threads`, reason)
    this.#surplus.restart()
    if (change > 0) {
      process.surplus.restart()
      process.lastRound = change
      for (let more = change; more > 0; more--)
        process.threads.push({ state: 'starting', until: this.now + THREAD_START_MS })
      return
    }
    process.surplus.gaveBack()
    for (let more = change; more < 0; more++) {
      const ready = process.threads.filter(({ state }) => state === 'ready')
      const victim = ready.find(({ until }) => until <= this.now) ?? ready[0]
      if (victim !== undefined) victim.state = 'ending'
    }
  }

  /** As in upkeep.ts and load-watch.ts of parent/upkeep. */
  #lookAtProcesses(): void {
    const { processes: limits, threads, spares } = this.#sizes
    const ready = this.#processes.filter(({ state }) => state === 'ready')
    const starting = this.#processes.filter(({ state }) => state === 'starting').length
    let idle = starting * threads.min
    let growable = 0
    for (const process of ready) {
      idle += this.#idle(process)
      idle += process.threads.filter(({ state }) => state === 'starting').length
      growable += Math.max(0, threads.max - process.threads.length)
    }
    this.#backloggedLooks = idle === 0 && this.waiting.length > 0 ? this.#backloggedLooks + 1 : 0
    const decision = decideProcesses({
      limits,
      spares,
      serving: ready.map((process) => ({
        slot: process.slot,
        threads: process.threads.length,
        inFlight: process.threads.filter(({ until }) => until > this.now).length,
        connections: 0,
        ageMs: this.now - process.startedAt,
      })),
      starting,
      idle,
      growable,
      isBacklogged: this.#backloggedLooks > 1,
      surplusMs: this.#surplus.look(idle > spares.max, this.now),
      givenBackMs: this.#surplus.givenBackMs,
      lastRound: this.#lastRound,
    })
    this.#lastRound = 0
    if (decision === undefined) return
    this.#note(`${decision.action} processes`, decision.reason)
    if (decision.action === 'start') {
      this.#lastRound = decision.count
      for (let more = decision.count; more > 0; more--) this.#startProcess()
      return
    }
    this.#surplus.gaveBack()
    for (const process of this.#processes)
      if (decision.slots.includes(process.slot)) process.state = 'draining'
  }

  #startProcess(): void {
    let slot = 0
    while (this.#processes.some((process) => process.slot === slot)) slot++
    const readyAt = this.now + PROCESS_START_MS
    this.#processes.push({
      slot,
      startedAt: this.now,
      state: 'starting',
      readyAt,
      threads: Array.from({ length: this.#sizes.threads.min }, () => ({
        state: 'starting',
        until: readyAt,
      })),
      // Each child has a clock of its own.
      nextLook: readyAt + this.#random.from(0, LOOK_EVERY_MS),
      nextPressure: readyAt,
      surplus: new SurplusClock(),
      lastRound: 0,
    })
  }

  #idle({ state, threads }: Process): number {
    if (state !== 'ready') return 0
    return threads.filter((thread) => thread.state === 'ready' && thread.until <= this.now).length
  }

  #canShrink(process: Process): boolean {
    return this.#idle(process) > 0 && this.#present(process.threads) > this.#sizes.threads.min
  }

  #spareElsewhere(process: Process): number {
    let spare = 0
    for (const other of this.#processes) {
      if (other === process || other.state === 'draining') continue
      spare += this.#idle(other)
      spare += other.threads.filter(({ state }) => state === 'starting').length
    }
    return spare
  }

  #present(threads: readonly Thread[]): number {
    return threads.filter(({ state }) => state !== 'ending').length
  }

  #note(what: string, reason: string): void {
    this.changes.push({ at: this.now, what, reason })
  }

  #check(): void {
    const { processes, threads } = this.#sizes
    const count = this.processes
    if (count < processes.min || count > processes.max)
      throw new Error(`${count} processes at ${this.now} ms`)
    for (const process of this.#processes) {
      const present = this.#present(process.threads)
      if (process.state !== 'draining' && (present < threads.min || present > threads.max))
        throw new Error(`${present} threads in process ${process.slot} at ${this.now} ms`)
    }
  }
}
