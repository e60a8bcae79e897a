import { setTimeout as delay } from 'node:timers/promises'
import { type CpuUse, cpuBetween, readCpu } from './cpu.js'
import type { Load, LoadResult } from './load.js'
import { RunningServer } from './running-server.js'
import type { Server } from './servers.js'

export interface Measurement extends LoadResult {
  readonly round: number
  readonly server: string
  readonly load: string
  /** Of the server's whole process tree. */
  readonly cpuUsPerRequest: number
  readonly cpuClock: CpuUse['clock']
}

export interface Plan {
  readonly servers: readonly Server[]
  readonly loads: readonly Load[]
  readonly rounds: number
  readonly seconds: number
  readonly warmUpSeconds: number
  readonly signal: AbortSignal
  /** Told before each measurement and about each irregularity. */
  readonly report: (line: string) => void
}

// What a process got at its start (code layout, what the compiler saw first) stays with it and would pass for
// the server's property: so the servers are started anew every few rounds.
const ROUNDS_PER_START = 4

// After the last response the sockets are still being closed; that belongs to the connection's price.
const SETTLE_MS = 100

/**
 * Measures every server under every load, once per round. Neighbouring measurements are of different
 * servers under the same load (A B C, B C A, …): on a shared machine the price of the same work was seen to
 * change by half within seconds, so short turns and many rounds tell more than a few long ones, and figures of
 * one round may be divided by each other. The turns rotate, so that no server always follows the same one.
 */
export async function measure(plan: Plan): Promise<Measurement[]> {
  const measurements: Measurement[] = []
  for (let first = 0; first < plan.rounds; first += ROUNDS_PER_START) {
    const running: RunningServer[] = []
    try {
      for (const server of plan.servers) running.push(await RunningServer.start(server))
      await warmUp(running, plan)
      const end = Math.min(first + ROUNDS_PER_START, plan.rounds)
      for (let round = first; round < end; round += 1) {
        measurements.push(...(await measureRound(running, round, plan)))
      }
    } finally {
      for (const target of running) for (const line of await target.stop()) plan.report(`${line}\n`)
    }
  }
  return measurements
}

async function warmUp(running: readonly RunningServer[], plan: Plan): Promise<void> {
  for (const load of plan.loads) {
    for (const { server, port } of running) {
      plan.report(`warming up  ${load.name}  ${server.name}`)
      await load.run(port, plan.warmUpSeconds, plan.signal)
    }
  }
}

async function measureRound(
  running: readonly RunningServer[],
  round: number,
  plan: Plan,
): Promise<Measurement[]> {
  const measurements: Measurement[] = []
  const turn = round % running.length
  for (const load of plan.loads) {
    for (const target of [...running.slice(turn), ...running.slice(0, turn)]) {
      plan.signal.throwIfAborted()
      plan.report(`round ${round + 1}/${plan.rounds}  ${load.name}  ${target.server.name}`)
      measurements.push({ round, ...(await measureOne(target, load, plan)) })
    }
  }
  return measurements
}

async function measureOne(
  { server, pid, port }: RunningServer,
  load: Load,
  { seconds, signal }: Plan,
): Promise<Omit<Measurement, 'round'>> {
  const before = readCpu(pid)
  const result = await load.run(port, seconds, signal)
  await delay(SETTLE_MS)
  const cpu = cpuBetween(before, readCpu(pid))
  return {
    server: server.name,
    load: load.name,
    ...result,
    cpuUsPerRequest: cpu.us / result.requests,
    cpuClock: cpu.clock,
  }
}
