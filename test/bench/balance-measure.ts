import { spawn } from 'node:child_process'
import { json } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { cliPath } from '../support/paths.js'
import type { BalanceRun } from './balance-client.js'
import { type BalanceFigures, balanceFigures } from './balance-figures.js'
import { type Due, type Service, schedule, services } from './balance-schedule.js'
import { RunningServer } from './running-server.js'
import type { Server } from './servers.js'
import { quantile } from './statistics.js'

export type Mechanism = 'flock' | 'none' | 'fcntl'

export interface BalancePlan {
  readonly mechanisms: readonly Mechanism[]
  readonly processCounts: readonly number[]
  readonly load: number
  readonly rounds: number
  /** Length of one measurement. */
  readonly seconds: number
  readonly signal: AbortSignal
  /** Told before each measurement and about each irregularity. */
  readonly report: (line: string) => void
}

export interface BalanceMeasurement extends BalanceFigures {
  readonly processes: number
  readonly service: string
  readonly mechanism: Mechanism
  readonly round: number
  readonly requests: number
  readonly failures: readonly string[]
  /** When this grows, others are at work on the machine, and their delays are in the figures. */
  readonly generatorLateP99Ms: number
}

interface Target {
  readonly mechanism: Mechanism
  readonly running: RunningServer
}

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const WARM_UP_SECONDS = 0.5

const pool = (processes: number, mechanism: Mechanism): Server => ({
  name: `${mechanism}-${processes}`,
  eventLoops: processes,
  args: [
    [cliPath, file('./fixtures/sleep.js'), '--listen', '127.0.0.1:0'],
    ['--processes', String(processes), '--threads', '1', '--accept-mutex', mechanism],
  ].flat(),
})

/**
 * For each number of processes a pool per mechanism; in every round each pool gets the same schedule, one after the
 * other and in turning order, so that the machine's moods hit all of them. The pools that are not measured sleep.
 */
export async function measureBalance(plan: BalancePlan): Promise<BalanceMeasurement[]> {
  const measurements: BalanceMeasurement[] = []
  for (const processes of plan.processCounts) {
    const targets: Target[] = []
    try {
      for (const mechanism of plan.mechanisms) {
        plan.report(`starting ${processes} processes, ${mechanism}`)
        targets.push({
          mechanism,
          running: await RunningServer.start(pool(processes, mechanism)),
        })
      }
      await warmUp(targets, processes, plan)
      for (let round = 0; round < plan.rounds; round += 1) {
        for (const service of services) {
          measurements.push(...(await measureRound(targets, processes, service, round, plan)))
        }
      }
    } finally {
      for (const { running } of targets) {
        for (const line of await running.stop()) plan.report(`${line}\n`)
      }
    }
  }
  return measurements
}

async function warmUp(
  targets: readonly Target[],
  processes: number,
  { load, signal }: BalancePlan,
): Promise<void> {
  const [service] = services
  if (service === undefined) return
  const dues = schedule(service, processes, load, WARM_UP_SECONDS, 0)
  for (const { running } of targets) await drive(running.port, dues, signal)
}

async function measureRound(
  targets: readonly Target[],
  processes: number,
  service: Service,
  round: number,
  { load, seconds, rounds, signal, report }: BalancePlan,
): Promise<BalanceMeasurement[]> {
  const measurements: BalanceMeasurement[] = []
  const dues = schedule(service, processes, load, seconds, (round + 1) * 1000 + processes)
  const turn = round % targets.length
  for (const { mechanism, running } of [...targets.slice(turn), ...targets.slice(0, turn)]) {
    report(`round ${round + 1}/${rounds}  ${processes} processes  ${service.name}  ${mechanism}`)
    const { served, failures, latenessesMs } = await drive(running.port, dues, signal)
    const figures = balanceFigures(served, processes)
    const requests = dues.length
    measurements.push({
      processes,
      service: service.name,
      mechanism,
      round,
      requests,
      failures,
      generatorLateP99Ms: quantile(latenessesMs, 0.99),
      ...figures,
    })
  }
  return measurements
}

/** Rejects when the client fails; failed requests are part of its answer. */
async function drive(port: number, dues: readonly Due[], signal: AbortSignal): Promise<BalanceRun> {
  const client = spawn(process.execPath, [file('./balance-client.js'), String(port)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    signal,
  })
  // An abort is reported here, and rejects below as the end of incomplete JSON.
  client.on('error', () => undefined)
  client.stdin.on('error', () => undefined)
  client.stdin.end(JSON.stringify(dues))
  return (await json(client.stdout)) as BalanceRun
}
