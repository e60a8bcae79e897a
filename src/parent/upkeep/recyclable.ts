import type { ForkedChild } from '../children/forked-child.js'
import type { Generation } from '../children/generation.js'
import { processUsage } from '../children/process-usage.js'

export interface Recyclable {
  readonly child: ForkedChild
  readonly reason: string
}

/** The first child that is to be replaced for its age or the size of its memory. */
export function findRecyclable(
  children: readonly ForkedChild[],
  { lifetime, rss }: Generation['recycle'],
): Recyclable | undefined {
  if (lifetime === 0 && rss === 0) return undefined
  for (const child of children) {
    if (child.state !== 'ready') continue
    const age = Math.round(child.livedMs)
    // Children that started together shall not all go together.
    const jitter = 1 + (child.pid % 100) / 1000
    if (lifetime > 0 && age >= lifetime * jitter)
      return { child, reason: `it is ${age} ms old, recycleLifetime is ${lifetime}` }
    const rssBytes = rss > 0 ? processUsage(child.pid).rssBytes : 0
    if (rss > 0 && rssBytes >= rss)
      return { child, reason: `it has ${rssBytes} bytes in memory, recycleRss is ${rss}` }
  }
  return undefined
}
