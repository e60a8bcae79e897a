import type { Origin } from '../../shared/logger.js'
import { RestartDelay } from '../../shared/restart-delay.js'
import type { HandlerKind } from '../../shared/terms.js'
import type { Scoreboard } from '../../sync/scoreboard.js'
import type { Children } from '../children/children.js'
import type { CodeWatch } from './code-watch.js'
import { LoadWatch } from './load-watch.js'
import { findRecyclable } from './recyclable.js'
import { StartLimit } from './start-limit.js'
import { StuckWatch } from './stuck-watch.js'

/** How often the parent looks at the size of the pool when nothing makes it look earlier. */
const LOOK_EVERY_MS = 1000

export interface UpkeepTerms {
  readonly scoreboard: Scoreboard
  /** Connections that wait in all backlogs, and parked ones that wait for a thread. */
  readonly waiting: () => number
  readonly code: CodeWatch
  readonly decide: (action: string, reason: string, origin?: Origin) => void
  readonly report: (error: Error) => void
  /** Threads idle, and yet connections wait: whoever has been called shall call the next. */
  readonly stuck: () => void
}

/** Keeps the number of children: as many as the spares ask for, within the limits, and each that dies, or is too old or too large, replaced. */
export class Upkeep {
  readonly #children: Children
  readonly #terms: UpkeepTerms
  readonly #startLimit = new StartLimit()
  readonly #stuckWatch: StuckWatch
  readonly #loadWatch: LoadWatch
  readonly #delay: RestartDelay
  #looks: NodeJS.Timeout | undefined

  constructor(children: Children, terms: UpkeepTerms) {
    this.#children = children
    this.#terms = terms
    const { scoreboard, code, decide, stuck } = terms
    this.#stuckWatch = new StuckWatch(scoreboard, stuck)
    this.#loadWatch = new LoadWatch(scoreboard)
    this.#delay = new RestartDelay({
      wait: (ms, reason) => decide(`wait ${ms} ms before the next start`, reason),
      over: () => this.#look(),
    })
    children.on('ready', () => this.#delay.startSucceeded())
    children.on('changed', () => this.#look())
    children.on('died', ({ pid, livedMs }) => this.#delay.died(`child ${pid}`, livedMs))
    children.on('resized', (action) => {
      // As long as children change their own sizes, a surplus of the pool is not what it was.
      this.#loadWatch.sizeChanged()
      if (action.startsWith('start') || action.startsWith('recycle'))
        code.isTheSame(children.generation)
    })
  }

  /**
   * Starts the first `processes.min` children; resolves with what each listener serves when all are ready. From then on
   * the number follows the load.
   * @throws the handler's error (FT_ERR_HANDLER_LOAD, FT_ERR_HANDLER_EXPORT), FT_ERR_CHILD_DIED, FT_ERR_START_TIMEOUT; ListensElsewhere
   *   if it wants to be told where to listen
   */
  async open(): Promise<readonly HandlerKind[]> {
    const { min } = this.#children.sizes.processes
    this.#terms.decide(`start ${processes(min)}`, 'processes.min at the start of the pool')
    const starts = Array.from({ length: min }, () => this.#children.start('first'))
    const kinds = await Promise.all(starts)
    if (!this.#children.isLeaving) this.#looks = setInterval(() => this.#look(), LOOK_EVERY_MS)
    return kinds[0] ?? []
  }

  /** All are to leave. */
  stop(): void {
    clearInterval(this.#looks)
    this.#delay.stop()
  }

  /** Compares what there is with what there should be, and starts, retires, recycles or ends what is stuck. */
  #look(): void {
    const children = this.#children
    if (children.isLeaving || this.#looks === undefined) return
    const { waiting, decide, code } = this.#terms
    const now = performance.now()
    const backlog = waiting()
    this.#stuckWatch.look(children.all, backlog, now)
    const load = {
      sizes: children.sizes,
      serving: children.all.filter((one) => one.state === 'ready' && !children.isReplaced(one)),
      starting: children.all.filter(({ state }) => state === 'starting').length,
      backlog,
    }
    const decision = this.#loadWatch.look(load, now)
    if (decision?.action === 'start') {
      if (this.#delay.isWaiting) return
      const granted = this.#startLimit.grant(Math.min(decision.count, children.room), now)
      this.#loadWatch.started(granted)
      if (granted > 0) decide(`start ${processes(granted)}`, decision.reason)
      for (let more = granted; more > 0; more--) void this.#start()
    } else if (children.isReplacing) {
      // The successor that proves itself must not go, and one replacement at a time is enough.
      return
    } else if (decision?.action === 'retire') {
      // What could not be had again, with this code, must not go.
      if (!code.isTheSame(children.generation)) return
      this.#loadWatch.gaveBack()
      const { slots, reason } = decision
      for (const one of children.all) if (slots.includes(one.slot)) children.retire(one, reason)
    } else this.#recycleOne()
  }

  /** Starts a child of an open pool: a failure is reported and tried again later. */
  async #start(): Promise<void> {
    this.#terms.code.isTheSame(this.#children.generation)
    try {
      await this.#children.start('later')
    } catch (error) {
      this.#startFailed(error as Error)
    }
  }

  #startFailed(error: Error): void {
    if (this.#children.isLeaving) return
    this.#terms.report(error)
    this.#delay.startFailed()
  }

  /** One child at a time goes for its age or the size of its memory; its successor is ready first. */
  #recycleOne(): void {
    const children = this.#children
    if (this.#delay.isWaiting || children.room === 0) return
    const { generation } = children
    const found = findRecyclable(children.all, generation.recycle)
    if (found === undefined) return
    const { child, reason } = found
    this.#terms.code.isTheSame(generation)
    this.#terms.decide(`recycle child ${child.pid}`, reason, child.originOf())
    const replacement = { generation, sizes: () => children.sizes, reason }
    children.replace(child, replacement).catch((error) => this.#startFailed(error))
  }
}

function processes(count: number): string {
  return `${count} ${count === 1 ? 'process' : 'processes'}`
}
