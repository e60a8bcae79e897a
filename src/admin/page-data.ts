import type { SlowReport } from '../shared/slow.js'
import type { AdminSource, PoolRanges, RecentPast, Stats } from '../shared/stats.js'
import { type Health, healthOf } from './health.js'

/** What `/page.json` says: all that the page and `forkthread top` show. */
export interface PageData extends RecentPast {
  /** Epoch ms of this machine: a browser's clock may be another. */
  readonly now: number
  readonly stats: Stats
  readonly slow: SlowReport
  readonly health: Health
  readonly ranges: PoolRanges
}

/** Of the plots only what is later than `since` (epoch ms): who asks again knows the rest. */
export function pageData(source: AdminSource, since: number): PageData {
  const { points, ...past } = source.past()
  const stats = source.stats()
  return {
    now: Date.now(),
    stats,
    health: healthOf(stats, source.notReady(), source.remark()),
    ranges: source.ranges(),
    slow: source.slow(),
    points: points.filter(({ at }) => at > since),
    ...past,
  }
}
