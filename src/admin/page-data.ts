import type { SlowReport } from '../shared/slow.js'
import type { AdminSource, RecentPast, Stats } from '../shared/stats.js'

/** What `/page.json` says: all that the page shows. */
export interface PageData extends RecentPast {
  /** Epoch ms of this machine: a browser's clock may be another. */
  readonly now: number
  readonly stats: Stats
  readonly slow: SlowReport
  /** Why the pool is not ready for traffic, or what is to be known of one that is. */
  readonly notReady?: string
  readonly remark?: string
}

/** Of the plots only what is later than `since` (epoch ms): the page knows the rest. */
export function pageData(source: AdminSource, since: number): PageData {
  const { points, ...past } = source.past()
  const notReady = source.notReady()
  const remark = source.remark()
  return {
    now: Date.now(),
    stats: source.stats(),
    slow: source.slow(),
    points: points.filter(({ at }) => at > since),
    ...past,
    ...(notReady === undefined ? {} : { notReady }),
    ...(remark === undefined ? {} : { remark }),
  }
}
