import { loadavg, type } from 'node:os'
import type { CpuMeasure } from '../shared/measures.js'
import type { Stats } from '../shared/stats.js'

/**
 * The pool in the machine-readable lines of Apache's mod_status, of those that it writes with `ExtendedStatus On`. Processor time is of the parent and its
 * children; of "children" in Apache's sense, those that have ended.
 */
export function serverStatus(stats: Stats, cpu: CpuMeasure, version: string): string {
  const { totals, threads, processes, scoreboard } = stats
  const uptime = Math.max(stats.uptimeMs / 1000, 0.001)
  const parked = sum(processes.map((each) => each.parked))
  const open = sum(processes.flatMap((each) => each.threads).map((each) => each.connections))
  const { userMs, systemMs, endedUserMs, endedSystemMs } = cpu
  const cpuMs = userMs + systemMs + endedUserMs + endedSystemMs
  const [load1 = 0, load5 = 0, load15 = 0] = loadavg()
  const lines: readonly (readonly [key: string, value: string | number])[] = [
    // A widespread exporter crashes on any other form.
    ['ServerVersion', `forkthread/${version} (${type()})`],
    ['ServerMPM', 'forkthread'],
    ['CurrentTime', new Date().toUTCString()],
    ['RestartTime', new Date(Date.now() - stats.uptimeMs).toUTCString()],
    ['ParentServerConfigGeneration', stats.generation + 1],
    ['ParentServerMPMGeneration', stats.generation],
    ['Total Accesses', totals.requests],
    ['Total kBytes', Math.floor(totals.bytes / 1024)],
    ['Total Duration', Math.round(totals.durationMs)],
    ['CPUUser', seconds(userMs / 1000)],
    ['CPUSystem', seconds(systemMs / 1000)],
    ['CPUChildrenUser', seconds(endedUserMs / 1000)],
    ['CPUChildrenSystem', seconds(endedSystemMs / 1000)],
    // Percent of one processor, as in Apache.
    ['CPULoad', seconds(cpuMs / 10 / uptime)],
    ['Load1', seconds(load1)],
    ['Load5', seconds(load5)],
    ['Load15', seconds(load15)],
    ['Uptime', Math.floor(uptime)],
    ['ServerUptimeSeconds', Math.floor(uptime)],
    ['ReqPerSec', seconds(totals.requests / uptime)],
    ['BytesPerSec', seconds(totals.bytes / uptime)],
    ['BytesPerReq', seconds(totals.bytes / Math.max(totals.requests, 1))],
    ['DurationPerReq', seconds(totals.durationMs / Math.max(totals.requests, 1))],
    ['BusyWorkers', threads.busy],
    ['GracefulWorkers', scoreboard.split('G').length - 1],
    ['IdleWorkers', threads.idle],
    ['Processes', processes.length],
    ['Stopping', processes.filter(({ state }) => state === 'draining').length],
    ['ConnsTotal', open + parked],
    // A connection that belongs to no thread is idle here, never half written.
    ['ConnsAsyncWriting', 0],
    ['ConnsAsyncKeepAlive', parked],
    ['ConnsAsyncClosing', 0],
    ['Scoreboard', scoreboard],
  ]
  return lines.map(([key, value]) => `${key}: ${value}\n`).join('')
}

/** Never with an exponent. */
function seconds(value: number): string {
  return value.toFixed(4)
}

function sum(values: readonly number[]): number {
  return values.reduce((one, other) => one + other, 0)
}
