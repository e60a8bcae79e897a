import { EventEmitter } from 'node:events'
import { fail } from '../errors.js'
import type { HandlerKind } from '../messages.js'
import { MAX_PROCESSES } from '../sync/limits.js'
import type { Scoreboard, Totals } from '../sync/scoreboard.js'
import { type Exit, ForkedChild, type Inheritance, type StartTerms } from './forked-child.js'

/** A child that dies at once is replaced ever later, so that a broken handler makes no fork storm. */
const SHORTEST_RESTART_MS = 100
const LONGEST_RESTART_MS = 10_000
/** A child that has lived this long was not a failed start. */
const SETTLED_MS = 10_000

export interface ChildrenEvents {
  ready: [ForkedChild]
  report: [Error]
  /** The child is gone; `expected` if it was asked to leave. */
  exit: [child: ForkedChild, exit: Exit, expected: boolean]
}

export interface ChildrenOptions {
  readonly inheritance: Inheritance
  readonly terms: Omit<StartTerms, 'slot' | 'generation'>
  readonly startTimeout: number
  readonly drainTimeout: number
}

/** The children of the pool: starts as many as are wanted, replaces those that die, and has them leave. */
export class Children extends EventEmitter<ChildrenEvents> {
  readonly #options: ChildrenOptions
  readonly #scoreboard: Scoreboard
  readonly #bySlot = new Map<number, ForkedChild>()
  readonly #restarts = new Set<NodeJS.Timeout>()
  #restartMs = SHORTEST_RESTART_MS
  #isLeaving = false
  #deaths = 0
  #threadDeaths = 0
  /** What children did that are gone. */
  readonly #past: Totals = { accepted: 0, requests: 0, errors: 0 }

  constructor(options: ChildrenOptions, scoreboard: Scoreboard) {
    super()
    this.#options = options
    this.#scoreboard = scoreboard
  }

  get all(): readonly ForkedChild[] {
    return [...this.#bySlot.values()].sort((a, b) => a.slot - b.slot)
  }

  get deaths(): number {
    return this.#deaths
  }

  get threadDeaths(): number {
    let deaths = this.#threadDeaths
    for (const slot of this.#bySlot.keys()) deaths += this.#scoreboard.field(slot, 'threadDeaths')
    return deaths
  }

  /** What all children did so far. */
  get totals(): Readonly<Totals> {
    const sum = { ...this.#past }
    for (const slot of this.#bySlot.keys()) add(sum, this.#scoreboard.totals(slot))
    return sum
  }

  /**
   * Starts one child; resolves with the kind of its handler when it is ready. From then on it is replaced if it dies.
   * @throws the handler's error (FT_ERR_HANDLER_LOAD, FT_ERR_HANDLER_EXPORT), FT_ERR_CHILD_DIED, FT_ERR_START_TIMEOUT
   */
  async start(generation: number): Promise<HandlerKind> {
    const slot = this.#freeSlot()
    this.#scoreboard.openProcess(slot)
    const { inheritance, terms, startTimeout } = this.#options
    const child = new ForkedChild(inheritance, { ...terms, slot, generation })
    this.#bySlot.set(slot, child)
    child.on('report', (error) => this.emit('report', error))
    return await new Promise((resolve, reject) => {
      let isReady = false
      let failure: Error | undefined
      const late = setTimeout(() => {
        failure = fail('FT_ERR_START_TIMEOUT', [child.pid, startTimeout])
        child.kill()
      }, startTimeout)
      child.once('failed', (error) => {
        failure = error
      })
      child.once('ready', (kind) => {
        clearTimeout(late)
        isReady = true
        this.emit('ready', child)
        resolve(kind)
      })
      child.once('exit', (exit) => {
        clearTimeout(late)
        const wasExpected = child.wasAskedToLeave
        this.#clear(child, exit, wasExpected)
        if (isReady) {
          if (!wasExpected) this.#replace(child)
        } else reject(failure ?? fail('FT_ERR_CHILD_DIED', [child.pid, describeExit(exit)]))
      })
    })
  }

  /** Has all leave: they finish what they have, and are killed after `drainTimeout`. Resolves when all are gone. */
  async leave(): Promise<void> {
    this.#isLeaving = true
    for (const timer of this.#restarts) clearTimeout(timer)
    const gone = this.all.map((child) => new Promise((resolve) => child.once('exit', resolve)))
    for (const child of this.all) child.drain(true)
    const late = setTimeout(() => this.kill(), this.#options.drainTimeout)
    await Promise.all(gone)
    clearTimeout(late)
  }

  /** Ends all at once. */
  kill(): void {
    this.#isLeaving = true
    for (const child of this.all) child.kill()
  }

  #replace(child: ForkedChild): void {
    if (Date.now() - child.startedAt > SETTLED_MS) this.#restartMs = SHORTEST_RESTART_MS
    this.#restartLater(child.generation)
  }

  #restartLater(generation: number): void {
    if (this.#isLeaving) return
    const timer = setTimeout(() => {
      this.#restarts.delete(timer)
      this.start(generation).catch((error: Error) => {
        this.emit('report', error)
        this.#restartLater(generation)
      })
    }, this.#restartMs)
    this.#restarts.add(timer)
    this.#restartMs = Math.min(this.#restartMs * 2, LONGEST_RESTART_MS)
  }

  /** Keeps a gone child's sums and frees its slot. */
  #clear(child: ForkedChild, exit: Exit, wasExpected: boolean): void {
    add(this.#past, this.#scoreboard.totals(child.slot))
    this.#threadDeaths += this.#scoreboard.field(child.slot, 'threadDeaths')
    if (!wasExpected) this.#deaths++
    this.#scoreboard.closeProcess(child.slot)
    this.#bySlot.delete(child.slot)
    this.emit('exit', child, exit, wasExpected)
  }

  #freeSlot(): number {
    for (let slot = 0; slot < MAX_PROCESSES; slot++) if (!this.#bySlot.has(slot)) return slot
    throw new Error('unreachable: more processes than slots')
  }
}

export function describeExit({ code, signal }: Exit): string {
  if (signal !== null) return `killed by ${signal}`
  return code === null ? 'it could not be forked' : `it exited with status ${code}`
}

function add(sum: Totals, more: Readonly<Totals>): void {
  sum.accepted += more.accepted
  sum.requests += more.requests
  sum.errors += more.errors
}
