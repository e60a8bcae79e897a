import type { Tally } from '../../shared/measures.js'
import { type Counts, perName } from '../../sync/common-counts.js'
import { GC_BOUNDS } from '../../sync/histogram.js'
import type { Scoreboard } from '../../sync/scoreboard.js'
import type { Children } from '../children/children.js'
import { cpuOf } from '../children/process-usage.js'
import type { Chronicle } from './chronicle.js'

/** What can be read of a pool at any moment. */
export interface CountsSource {
  readonly children: Children
  readonly scoreboard: Scoreboard
  readonly chronicle: Chronicle
}

/** The tallies that the chronicle keeps, by the names that they have among the figures. */
const TALLIED = ['deaths', 'recyclings', 'starts', 'reloads'] as const
type Tallied = (typeof TALLIED)[number]

/** What this parent and its children have counted so far. */
export function ownCounts({ children, scoreboard, chronicle }: CountsSource): Counts {
  const { ledger, takeover, generation } = children
  const slots = children.all.map(({ slot }) => slot)
  const { userMs, systemMs, endedUserMs, endedSystemMs } = cpuOf(children.all)
  const figures: Record<string, number> = {
    ...ledger.totals(slots),
    childDeaths: ledger.deaths,
    threadDeaths: ledger.count('threadDeaths', slots),
    proxyErrors: ledger.count('proxyErrors', slots),
    refused: ledger.count('refused', slots),
    moved: ledger.count('moved', slots),
    unmoved: ledger.count('unmoved', slots) + takeover.closed,
    generations: generation.number,
    cpuUserMs: userMs + endedUserMs,
    cpuSystemMs: systemMs + endedSystemMs,
  }
  for (const what of TALLIED)
    for (const { labels, count } of chronicle[what]) figures[what + JSON.stringify(labels)] = count
  const histograms = perName((name) =>
    name === 'queueTime'
      ? scoreboard.queueTimes.read()
      : scoreboard.histogram(name, name.startsWith('gc') ? GC_BOUNDS : undefined).read(),
  )
  return { figures, histograms, requests: scoreboard.requests.read() }
}

/** What the chronicles of all parents say of this. */
export function talliesOf({ figures }: Counts, what: Tallied): readonly Tally[] {
  return Object.entries(figures)
    .filter(([name]) => name.startsWith(`${what}{`))
    .map(([name, count]) => ({ labels: JSON.parse(name.slice(what.length)), count }))
}
