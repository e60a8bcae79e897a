import { loadavg, type } from 'node:os'
import type { Stats } from '../shared/stats.js'

/**
 * The pool in the machine-readable lines of Apache's mod_status. Bytes and the duration of requests are not counted here; their keys are
 * absent, as with Apache's `ExtendedStatus Off`.
 */
export function serverStatus(stats: Stats, version: string): string {
  const { totals, threads, processes, scoreboard } = stats
  const uptime = Math.max(stats.uptimeMs / 1000, 0.001)
  const parked = sum(processes.map((each) => each.parked))
  const open = sum(processes.flatMap((each) => each.threads).map((each) => each.connections))
  const { user, system } = process.cpuUsage()
  const cpuSeconds = (user + system) / 1e6 + sum(processes.map(({ cpuMs }) => cpuMs)) / 1000
  const [load1 = 0, load5 = 0, load15 = 0] = loadavg()
  const lines: readonly (readonly [key: string, value: string | number])[] = [
    // A widespread exporter crashes on any other form.
    ['ServerVersion', `forkthread/${version} (${type()})`],
    ['ServerMPM', 'forkthread'],
    ['Total Accesses', totals.requests],
    ['CPUUser', seconds(user / 1e6)],
    ['CPUSystem', seconds(system / 1e6)],
    ['CPULoad', seconds((cpuSeconds / uptime) * 100)],
    ['Load1', seconds(load1)],
    ['Load5', seconds(load5)],
    ['Load15', seconds(load15)],
    ['Uptime', Math.floor(uptime)],
    ['ServerUptimeSeconds', Math.floor(uptime)],
    ['ReqPerSec', seconds(totals.requests / uptime)],
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
