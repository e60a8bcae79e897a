import { setTimeout as delay } from 'node:timers/promises'
import { type CpuReading, type CpuUse, cpuBetween, readCpu } from './cpu.js'
import type { Load, LoadResult, Meter } from './loads/load.js'
import type { Server, Transport } from './peers/server.js'
import { proportionalBytes } from './proportional-memory.js'
import { RunningServer } from './running-server.js'

/** One load on one server, once. */
export interface Measurement extends LoadResult {
  readonly round: number
  readonly server: string
  readonly load: string
  /** Of the server's whole process tree. */
  readonly cpuUsPerRequest: number
  readonly cpuClock: CpuUse['clock']
  /** Proportional memory of the tree at the end of the load, with its connections still open. */
  readonly pssBytes: number
}

/** One start of a server. */
export interface Start {
  readonly server: string
  readonly round: number
  readonly readyMs: number
  /** Proportional memory of the tree before the first load. */
  readonly pssBytes: number
}

export interface Plan {
  readonly servers: readonly Server[]
  readonly loads: readonly Load[]
  /** Which loads are for which servers; if not given, all that suit. */
  readonly isWanted?: (server: Server, load: Load) => boolean
  /** Of the pool, for loads that fill them. */
  readonly threads: number
  readonly rounds: number
  /** Length of one measurement. */
  readonly seconds: number
  /** For which share of the time blocking loads keep the threads busy. */
  readonly load: number
  readonly warmUpSeconds: number
  /** At least so many for each event loop where a load saturates: V8 compiles what was called often, however long that took. */
  readonly warmUpRequests?: number
  /** For what servers need on disk; must exist. */
  readonly folder: string
  readonly signal: AbortSignal
  /** Told before each measurement. */
  readonly report: (line: string) => void
  /** Gets what servers write on standard error. */
  readonly log: (text: string) => void
}

export interface Measured {
  readonly measurements: Measurement[]
  readonly starts: Start[]
  /** What went wrong, in words: servers that did not start or had to be killed, tools that failed. */
  readonly problems: string[]
}

// What a process got at its start (code layout, what the compiler saw first) stays with it and would pass for
// the server's property: so the servers are started anew every few rounds.
const ROUNDS_PER_START = 3

/** On a machine that is busy with other work, a server must not be warmed up for ever. */
const MOST_WARM_UPS = 6

// After the last response the sockets are still being closed; that belongs to the connection's price.
const SETTLE_MS = 100

/** Why a load is not for a server; undefined when it is. */
export function unsuitable(server: Server, load: Load, threads: number): string | undefined {
  if (!server.transports.includes(load.transport)) return `has no ${load.transport}`
  if (!server.works.includes(load.work)) return `has no handler for ${load.work}`
  if (load.fillsThreads && server.threads < threads) {
    return `has ${server.threads} of the ${threads} threads that the load fills`
  }
  if (load.keepsConnections && server.keepsThreads === true) {
    return 'gives a thread to each connection for as long as it is open'
  }
  return undefined
}

function isMeasured(server: Server, load: Load, { threads, isWanted }: Plan): boolean {
  return unsuitable(server, load, threads) === undefined && isWanted?.(server, load) !== false
}

/**
 * Measures every server under every load that suits it, once per round. Neighbouring measurements are of different
 * servers under the same load (A B C, B C A, …): on a shared machine the price of the same work was seen to
 * change by half within seconds, so short turns and many rounds tell more than a few long ones, and figures of
 * one round may be divided by each other. The turns rotate, so that no server always follows the same one.
 */
export async function measure(plan: Plan): Promise<Measured> {
  const measured: Measured = { measurements: [], starts: [], problems: [] }
  for (const transport of new Set(plan.loads.map((load) => load.transport))) {
    const loads = plan.loads.filter((load) => load.transport === transport)
    for (let first = 0; first < plan.rounds; first += ROUNDS_PER_START) {
      const running: RunningServer[] = []
      try {
        await startAll(running, loads, transport, first, plan, measured)
        await warmUp(running, loads, plan, measured)
        const end = Math.min(first + ROUNDS_PER_START, plan.rounds)
        for (let round = first; round < end; round += 1) {
          await measureRound(running, loads, round, plan, measured)
        }
      } finally {
        for (const target of running) measured.problems.push(...(await target.stop()))
      }
    }
  }
  return measured
}

async function startAll(
  running: RunningServer[],
  loads: readonly Load[],
  transport: Transport,
  round: number,
  plan: Plan,
  { starts, problems }: Measured,
): Promise<void> {
  const { servers, folder, signal, report, log } = plan
  for (const server of servers) {
    if (!loads.some((load) => isMeasured(server, load, plan))) continue
    signal.throwIfAborted()
    report(`starting  ${server.name}`)
    try {
      const started = await RunningServer.start(server, folder, log, transport)
      running.push(started)
      if (transport !== 'tcp') continue
      const pssBytes = proportionalBytes(started.pid)
      starts.push({ server: server.name, round, readyMs: started.readyMs, pssBytes })
    } catch (error) {
      // Without it the others can be measured still.
      problems.push((error as Error).message)
    }
  }
}

async function warmUp(
  running: readonly RunningServer[],
  loads: readonly Load[],
  plan: Plan,
  { problems }: Measured,
): Promise<void> {
  const meter: Meter = { begin: () => undefined, end: async () => undefined }
  for (const { server, addresses } of running) {
    const suitable = loads.filter((load) => isMeasured(server, load, plan))
    // The first load of each kind of work.
    for (const load of new Map(suitable.toReversed().map((l) => [l.work, l])).values()) {
      plan.signal.throwIfAborted()
      plan.report(`warming up  ${load.name}  ${server.name}`)
      const seconds = plan.warmUpSeconds
      const run = { ...plan, serverThreads: server.threads, meter, seconds, seed: 0 }
      const wanted = (plan.warmUpRequests ?? 0) * server.threads
      await guarded(`${server.name}, warming up by ${load.name}`, plan, problems, async () => {
        for (let turn = 0, served = 0; turn < MOST_WARM_UPS; turn += 1) {
          const { requests, requestsPerSecond } = await load.drive(addresses, run)
          served += requests
          if (requestsPerSecond === undefined || served >= wanted) break
        }
      })
    }
  }
}

async function measureRound(
  running: readonly RunningServer[],
  loads: readonly Load[],
  round: number,
  plan: Plan,
  { measurements, problems }: Measured,
): Promise<void> {
  const turn = round % Math.max(1, running.length)
  for (const load of loads) {
    for (const target of [...running.slice(turn), ...running.slice(0, turn)]) {
      const { server } = target
      if (!isMeasured(server, load, plan)) continue
      plan.signal.throwIfAborted()
      plan.report(`round ${round + 1}/${plan.rounds}  ${load.name}  ${server.name}`)
      await guarded(`${server.name} under ${load.name}`, plan, problems, async () => {
        measurements.push({ round, ...(await measureOne(target, load, round, plan)) })
      })
    }
  }
}

/** What fails is told and not measured, and the run goes on; an interruption ends it. */
async function guarded(
  what: string,
  { signal }: Plan,
  problems: string[],
  act: () => Promise<unknown>,
): Promise<void> {
  try {
    await act()
  } catch (error) {
    signal.throwIfAborted()
    problems.push(`${what}: ${(error as Error).message}`)
  }
}

async function measureOne(
  { server, pid, addresses }: RunningServer,
  load: Load,
  round: number,
  plan: Plan,
): Promise<Omit<Measurement, 'round'>> {
  let before: CpuReading | undefined
  let use: CpuUse | undefined
  let pssBytes = Number.NaN
  const meter: Meter = {
    begin() {
      before = readCpu(pid)
    },
    async end() {
      await delay(SETTLE_MS)
      if (before !== undefined) use = cpuBetween(before, readCpu(pid))
      pssBytes = proportionalBytes(pid)
    },
  }
  const seed = (round + 1) * 1000 + plan.loads.indexOf(load)
  const result = await load.drive(addresses, {
    ...plan,
    serverThreads: server.threads,
    seed,
    meter,
  })
  if (use === undefined) throw new Error(`the load ${load.name} told the meter nothing`)
  return {
    server: server.name,
    load: load.name,
    ...result,
    cpuUsPerRequest: use.us / result.requests,
    cpuClock: use.clock,
    pssBytes,
  }
}
