import type { ProcessStats, ThreadStats } from '../../shared/stats.js'
import type { Place, Sort, TopState } from './state.js'

export interface BoardRow {
  readonly place: Place
  readonly process: ProcessStats
  /** In the row of a thread. */
  readonly thread?: ThreadStats
}

export function isSame(one: Place, other: Place): boolean {
  return one.process === other.process && one.thread === other.thread
}

/** The processes in their order, each with its threads behind it if it is open. */
export function boardRows(state: Pick<TopState, 'data' | 'rates' | 'sort' | 'open'>): BoardRow[] {
  const weigh = WEIGHTS[state.sort]
  const { processes } = state.data.stats
  const weighed = processes.map((process) => ({ process, weight: weigh(process, state) }))
  weighed.sort((one, other) => other.weight - one.weight || one.process.slot - other.process.slot)
  return weighed.flatMap(({ process }): BoardRow[] => {
    const { slot } = process
    const threads = state.open.has(slot) ? process.threads : []
    return [
      { place: { process: slot }, process },
      ...threads.map((thread) => {
        return { place: { process: slot, thread: thread.id }, process, thread }
      }),
    ]
  })
}

type Weigh = (process: ProcessStats, state: Pick<TopState, 'rates'>) => number

/** The heaviest comes first. */
const WEIGHTS: Readonly<Record<Sort, Weigh>> = {
  number: ({ slot }) => -slot,
  busy: ({ threads }) => Math.max(0, ...threads.map(({ busyMs }) => busyMs)),
  cpu: ({ pid }, { rates }) => rates.get(pid)?.cpuShare ?? 0,
  memory: ({ rssBytes }) => rssBytes,
  requests: ({ pid }, { rates }) => rates.get(pid)?.requestsPerSecond ?? 0,
  age: ({ ageMs }) => ageMs,
}
