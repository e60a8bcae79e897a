import type { AdminSource, Stats } from '../../shared/stats.js'
import type { Listening } from '../binding/listening.js'
import type { Resources } from '../binding/resources.js'
import type { Children } from '../children/children.js'
import type { PoolNews } from '../pool-news.js'
import type { CodeWatch } from '../upkeep/code-watch.js'
import type { Chronicle } from './chronicle.js'
import { Counting } from './counting.js'
import { collectCpu, collectMeasures, collectPast } from './measures.js'
import { type CountsSource, ownCounts } from './own-counts.js'
import { RecentLoad } from './recent-load.js'
import { SlowRoutes } from './slow-routes.js'
import { collectStats } from './stats.js'

export interface RecordsTerms {
  readonly resources: Pick<Resources, 'counts' | 'scoreboard'>
  readonly children: Children
  readonly listening: Listening
  readonly news: PoolNews
  readonly chronicle: Chronicle
  readonly code: CodeWatch
}

/** What is on record of how the pool does: its counts, its last minutes, its slow routes, and what can be read of its children at this moment. */
export class Records {
  readonly counting: Counting
  readonly slow = new SlowRoutes()
  readonly #terms: RecordsTerms
  readonly #seen: CountsSource
  readonly #recent: RecentLoad

  constructor(terms: RecordsTerms) {
    const { resources, children, chronicle } = terms
    const { scoreboard, counts } = resources
    this.#terms = terms
    this.#seen = { children, scoreboard, chronicle }
    this.counting = new Counting(counts, () => ownCounts(this.#seen))
    this.#recent = new RecentLoad(
      scoreboard,
      () => children.all.map(({ slot }) => slot),
      () => children.sizes.processes.max * children.sizes.threads.max,
    )
  }

  stats(): Stats {
    const { resources, children, listening, news, code } = this.#terms
    return collectStats({
      startedMs: resources.counts.startedMs,
      counts: this.counting.read(),
      generation: children.generation.number,
      kinds: listening.kinds,
      listeners: listening.listeners,
      children,
      scoreboard: resources.scoreboard,
      maxProcesses: children.sizes.processes.max,
      maxThreads: children.sizes.threads.max,
      lastDecision: news.lastDecision,
      recent: this.#recent,
      mixedCode: code.mixed(children.generation),
    })
  }

  /** What metrics and the page say beyond `stats()`. */
  get sources(): Pick<AdminSource, 'measures' | 'past' | 'cpu'> {
    return {
      measures: () => collectMeasures(this.#seen, this.counting.read()),
      past: () => collectPast(this.#seen, this.#recent),
      cpu: () => collectCpu(this.#seen, this.counting.read()),
    }
  }

  /** The children are gone: what they have counted is settled. */
  close(): void {
    this.#recent.stop()
    this.counting.settle()
  }
}
