import type { SlowEpisode, SlowReport, SlowRoute } from '../../shared/slow.js'
import { requestPath, routeName } from './route-name.js'

/** Paths are the clients' to choose, and memory is not. Beyond it all others are one route. */
const MOST_ROUTES = 200
const OTHERS = '(other routes)'
const MOST_FRAMES = 100
const SHOWN_FRAMES = 10

/** Node's own frames say what is slow of it, but not who calls it. */
const NODES_OWN = /^(node:|:)|\((node:|:)/

interface Sums {
  count: number
  blockedMs: number
  longestMs: number
  samples: number
  readonly frames: Map<string, number>
  example: SlowRoute['example']
}

/** What has blocked threads, by route, since the pool began. In the parent, so that it outlives processes. */
export class SlowRoutes {
  readonly #routes = new Map<string, Sums>()

  /** `now` in epoch ms. */
  add({ slot, thread, request, route, blockedMs, stacks }: SlowEpisode, now: number): void {
    const name = routeName(request, route)
    const isKnown = this.#routes.has(name) || this.#routes.size < MOST_ROUTES
    const key = isKnown ? name : OTHERS
    const before = this.#routes.get(key)
    const stack = stacks[0] ?? before?.example.stack ?? []
    const path = requestPath(request)
    const example = { at: now, process: slot, thread, request: path, blockedMs, stack }
    const sums = before ?? { ...noSums(), frames: new Map<string, number>(), example }
    this.#routes.set(key, sums)
    sums.example = example
    sums.count++
    sums.blockedMs += blockedMs
    sums.longestMs = Math.max(sums.longestMs, blockedMs)
    for (const sample of stacks) {
      const frame = sample.find((each) => !NODES_OWN.test(each)) ?? sample[0]
      if (frame === undefined) continue
      sums.samples++
      if (sums.frames.has(frame) || sums.frames.size < MOST_FRAMES)
        sums.frames.set(frame, (sums.frames.get(frame) ?? 0) + 1)
    }
  }

  report(slowThreshold: number): SlowReport {
    const routes = [...this.#routes].map(([route, sums]): SlowRoute => {
      const { count, blockedMs, longestMs, samples, frames, example } = sums
      const shares = [...frames]
        .map(([frame, taken]) => ({ frame, share: Math.round((taken / samples) * 1000) / 1000 }))
        .sort((one, other) => other.share - one.share)
        .slice(0, SHOWN_FRAMES)
      return { route, count, blockedMs, longestMs, frames: shares, example }
    })
    return { slowThreshold, routes: routes.sort((a, b) => b.blockedMs - a.blockedMs) }
  }
}

function noSums(): Pick<Sums, 'count' | 'blockedMs' | 'longestMs' | 'samples'> {
  return { count: 0, blockedMs: 0, longestMs: 0, samples: 0 }
}
