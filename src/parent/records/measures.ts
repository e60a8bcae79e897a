import type { CpuMeasure, LoopMeasure, Measures, ProcessMeasure } from '../../shared/measures.js'
import type { RecentPast, RunningRequest } from '../../shared/stats.js'
import { monotonicMs } from '../../sync/clock.js'
import type { Counts } from '../../sync/common-counts.js'
import { MAX_THREADS } from '../../sync/limits.js'
import type { LoopGauge } from '../../sync/loop-gauges.js'
import {
  cgroupMemory,
  cpuOf,
  cpuTimes,
  descriptorsOf,
  processUsage,
} from '../children/process-usage.js'
import { type CountsSource, talliesOf } from './own-counts.js'
import type { RecentLoad } from './recent-load.js'
import { requestPath } from './route-name.js'

/** A loop publishes each second; one with work that has not done so for as long is blocked. */
const BLOCKED_MS = 2500
const MOST_RUNNING = 20
const STARTED_AT = Date.now() - process.uptime() * 1000

/** What metrics say beyond `stats()`: read from shared memory and /proc, so also while every thread hangs. */
export function collectMeasures({ children, scoreboard }: CountsSource, counts: Counts): Measures {
  const { histograms } = counts
  const loops: LoopMeasure[] = []
  for (const { slot, pid } of children.all)
    for (let thread = 0; thread < MAX_THREADS; thread++) {
      const { state, inFlight } = scoreboard.rows.read(slot, thread)
      if (state === '.' || state === 'S') continue
      const gauge = asOfNow(scoreboard.loops.read(slot, thread), inFlight > 0)
      loops.push({ process: slot, thread, pid, ...gauge })
    }
  const members = children.all.map(({ slot, pid, startedAt }) => ({
    process: String(slot),
    pid,
    startedAt,
  }))
  const parent = { process: 'parent', pid: process.pid, startedAt: Math.round(STARTED_AT) }
  return {
    requests: counts.requests,
    queueTimes: histograms.queueTime,
    handOff: histograms.handOff,
    mutexWaits: histograms.mutexWait,
    mutexHolds: histograms.mutexHold,
    collections: {
      minor: histograms.gcMinor,
      major: histograms.gcMajor,
      incremental: histograms.gcIncremental,
      weakcb: histograms.gcWeak,
    },
    loops,
    processes: [parent, ...members].flatMap(processMeasure),
    memory: cgroupMemory(),
    spares: children.sizes.spares,
    deaths: talliesOf(counts, 'deaths'),
    recyclings: talliesOf(counts, 'recyclings'),
    starts: talliesOf(counts, 'starts'),
    reloads: talliesOf(counts, 'reloads'),
  }
}

/** What is no process's of this parent that runs has ended, or is of the children of an old parent that leaves. */
export function collectCpu({ children }: CountsSource, { figures }: Counts): CpuMeasure {
  const { userMs, systemMs } = cpuOf(children.all)
  const { cpuUserMs = 0, cpuSystemMs = 0 } = figures
  return {
    userMs,
    systemMs,
    endedUserMs: Math.max(0, cpuUserMs - userMs),
    endedSystemMs: Math.max(0, cpuSystemMs - systemMs),
  }
}

/** What the page shows beyond `stats()`. */
export function collectPast(
  { children, scoreboard, chronicle }: CountsSource,
  { points }: RecentLoad,
): RecentPast {
  const running: RunningRequest[] = []
  const now = monotonicMs()
  for (const { slot, pid } of children.all)
    for (let thread = 0; thread < MAX_THREADS; thread++) {
      const { inFlight, busySince } = scoreboard.rows.read(slot, thread)
      if (inFlight <= 0 || busySince === 0) continue
      // Of many in flight the thread says once a second which is the oldest; one that is blocked can't, and runs what it has begun last.
      const { at, oldestSince } = scoreboard.loops.read(slot, thread)
      const isFresh = oldestSince > 0 && now - at < BLOCKED_MS
      const since = isFresh ? oldestSince : busySince
      const what = isFresh
        ? scoreboard.loops.readOldest(slot, thread)
        : scoreboard.rows.readRequest(slot, thread)
      const request = requestPath(what)
      const busyMs = Math.max(0, Math.round(now - since))
      running.push({ process: slot, thread, pid, request, inFlight, busyMs })
    }
  running.sort((one, other) => other.busyMs - one.busyMs)
  const memory = cgroupMemory()
  return {
    points,
    events: chronicle.events,
    running: running.slice(0, MOST_RUNNING),
    ...(memory === undefined ? {} : { memory }),
  }
}

/** A loop that is blocked can't say so: it shows by its silence. */
function asOfNow(gauge: LoopGauge, hasWork: boolean): LoopGauge {
  const silentMs = gauge.at === 0 ? 0 : monotonicMs() - gauge.at
  if (!hasWork || silentMs < BLOCKED_MS) return gauge
  return { ...gauge, utilization: 1, max: Math.max(gauge.max, silentMs / 1000) }
}

/** Nothing of one that has just gone. */
function processMeasure(
  who: Pick<ProcessMeasure, 'process' | 'pid' | 'startedAt'>,
): readonly ProcessMeasure[] {
  try {
    const { userMs, systemMs } = cpuTimes(who.pid)
    const { rssBytes } = processUsage(who.pid)
    const { open: openDescriptors, max: maxDescriptors } = descriptorsOf(who.pid)
    return [{ ...who, userMs, systemMs, rssBytes, openDescriptors, maxDescriptors }]
  } catch {
    return []
  }
}
