import type { PageData } from '../../admin/page-data.js'
import type { ProcessStats } from '../../shared/stats.js'
import { boardRows, isSame } from './board-rows.js'
import type { Place, Rate, TopState } from './state.js'

/** As many seconds as a plot may be wide. */
const MOST_POINTS = 300

/** After the first look at the pool. */
export function firstState(data: PageData): TopState {
  const state: TopState = {
    ...{ data, points: data.points, rates: new Map(), sort: 'number', chosen: { process: 0 } },
    ...{ open: new Set<number>(), isPaused: false, isHelp: false },
  }
  return { ...state, chosen: nearest(state) }
}

/** After another look at the pool. */
export function seen(before: TopState, data: PageData): TopState {
  const isSamePool = before.data.stats.pid === data.stats.pid
  const known = isSamePool ? before.points : []
  const points = [...known, ...data.points].slice(-MOST_POINTS)
  const rates = isSamePool ? ratesOf(before.data, data) : new Map<number, Rate>()
  const state = { ...before, data, points, rates, trouble: undefined }
  return { ...state, chosen: nearest(state) }
}

function ratesOf(before: PageData, now: PageData): Map<number, Rate> {
  const elapsedMs = now.now - before.now
  const earlier = new Map(before.stats.processes.map((process) => [process.pid, process]))
  const rates = new Map<number, Rate>()
  for (const process of now.stats.processes) {
    const old = earlier.get(process.pid)
    if (old === undefined || elapsedMs <= 0) continue
    // A thread that was replaced begins anew.
    const requests = Math.max(requestsOf(process) - requestsOf(old), 0)
    const cpuMs = Math.max(process.cpuMs - old.cpuMs, 0)
    rates.set(process.pid, {
      cpuShare: cpuMs / elapsedMs,
      requestsPerSecond: (requests * 1000) / elapsedMs,
    })
  }
  return rates
}

function requestsOf({ threads }: ProcessStats): number {
  return threads.reduce((sum, { requests }) => sum + requests, 0)
}

/** What was chosen may be gone: then its process is, or else the first. */
function nearest(state: TopState): Place {
  const places = boardRows(state).map(({ place }) => place)
  const { chosen } = state
  return (
    places.find((place) => isSame(place, chosen)) ??
    places.find(({ process }) => process === chosen.process) ??
    places[0] ?? { process: 0 }
  )
}
