import type { Stats } from '../../shared/stats.js'
import type { Children } from '../children/children.js'
import type { PoolNews } from '../pool-news.js'
import type { PoolState } from '../pool-state.js'
import type { Handover } from '../upgrade/handover.js'
import { agentReply } from './agent-reply.js'

export interface ReadinessTerms {
  readonly state: PoolState
  readonly children: Children
  readonly handover: Pick<Handover, 'isDone'>
  readonly news: PoolNews
  readonly stats: () => Stats
}

/** Whether the pool is to get new clients: what load balancers hear. */
export class Readiness {
  readonly #terms: ReadinessTerms
  /** By order; the pool serves on. */
  #isDraining = false

  constructor(terms: ReadinessTerms) {
    this.#terms = terms
  }

  drain(): void {
    if (this.#isDraining) return
    this.#isDraining = true
    this.#terms.news.decide('drain', 'by order: /ready is 503, and the pool serves on')
  }

  undrain(): void {
    if (!this.#isDraining) return
    this.#isDraining = false
    this.#terms.news.decide('undrain', 'by order: the pool is ready again')
  }

  /** Why the pool is not ready for traffic; `undefined` when it is. */
  get notReady(): string | undefined {
    const { state, children, handover } = this.#terms
    // The new parent serves at the same addresses.
    if (handover.isDone) return undefined
    if (state.now !== 'serving') return `the pool is ${state.now}`
    if (this.#isDraining) return 'the pool is draining, by order'
    return children.all.some((child) => child.state === 'ready') ? undefined : 'no process is ready'
  }

  /** For HAProxy's agent-check. */
  get agentReply(): string {
    const { state: own, handover, stats } = this.#terms
    const ordered = this.#isDraining && own.now === 'serving' ? 'draining' : own.now
    // The new parent speaks for the pool, and for a moment both do.
    const state = handover.isDone ? 'serving' : ordered
    const { threads } = state === 'serving' ? stats() : { threads: { idle: 0, max: 0 } }
    return agentReply({ state, notReady: this.notReady, threads })
  }
}
