import { setTimeout as delay } from 'node:timers/promises'
import type { Run } from './loads/load.js'
import { keepAlive } from './loads/saturation.js'
import type { Plan } from './measure.js'
import { nodeCluster } from './peers/node.js'
import { pool } from './peers/pool.js'
import type { Server } from './peers/server.js'
import { readyTimesOf } from './ready-times.js'
import { RunningServer } from './running-server.js'
import { type Spread, spread } from './statistics.js'
import { ownBytes, treeBytes } from './tree-memory.js'

/** How lean the pool is: a ratio to what the same would take without it, or MiB. */
export interface LeanFigure {
  readonly what: string
  readonly value: Spread
  readonly atMost: number
}

export type LeanPlan = Pick<Plan, 'rounds' | 'folder' | 'signal' | 'log' | 'report'> & {
  /** What is still held so long after the start, or the load, is not given back. */
  readonly settleSeconds: number
  /** Whether there is `wrk`; else only what idles is measured. */
  readonly isSaturable: boolean
}

const WORKERS = 8
const LOAD_SECONDS = 2
const MIB = 2 ** 20
const [major = 20] = process.versions.node.split('.').map(Number)
/** A worker of `node:cluster` takes more from Node 24 on, a thread does not. */
const mostOfCluster = major < 24 ? 1.2 : 1

/** Each has as many event loops as the cluster. */
const sizes = [
  { processes: 2, threads: 4, atMost: mostOfCluster },
  { processes: 1, threads: 8, atMost: mostOfCluster },
  { processes: 8, threads: 1, atMost: 2 },
]

/** What was found in each round, by what it is. */
type Found = Map<string, { readonly atMost: number; readonly values: number[] }>

export async function measureLean(plan: LeanPlan): Promise<LeanFigure[]> {
  const found: Found = new Map()
  const note = (what: string, atMost: number, value: number): void => {
    const { values } = found.get(what) ?? { values: [] }
    found.set(what, { atMost, values: [...values, value] })
  }
  for (let round = 1; round <= plan.rounds; round++) {
    plan.report(`round ${round}/${plan.rounds}  lean: memory`)
    await memory(plan, note)
    plan.report(`round ${round}/${plan.rounds}  lean: start`)
    await starts(plan, note)
  }
  return [...found].map(([what, { atMost, values }]) => ({ what, atMost, value: spread(values) }))
}

type Note = (what: string, atMost: number, value: number) => void

/** All servers stand beside each other, so that the long wait is one. */
async function memory(plan: LeanPlan, note: Note): Promise<void> {
  const cluster = nodeCluster('none', WORKERS)
  const running: RunningServer[] = []
  const compare = (when: string): void => {
    const [peer, ...own] = running.map(({ pid }) => treeBytes(pid))
    for (const [n, { processes, threads, atMost }] of sizes.entries())
      note(
        `memory ${when}, ${processes}x${threads} ÷ node:cluster with ${WORKERS} workers`,
        atMost,
        (own[n] ?? Number.NaN) / (peer ?? Number.NaN),
      )
  }
  try {
    for (const server of [cluster, ...sizes.map(pool)])
      running.push(await RunningServer.start(server, plan.folder, plan.log))
    await settle(plan)
    compare('idle')
    const [, first] = running
    if (first !== undefined) note("the parent's own memory, MiB", 14, ownBytes(first.pid) / MIB)
    if (!plan.isSaturable) return
    for (const { addresses } of running) await keepAlive.drive(addresses, load(plan))
    await settle(plan)
    compare('after a load')
  } finally {
    await Promise.all(running.map((server) => server.stop()))
  }
}

/** What `wrk` asks of it is how long; nobody meters it. */
const load = ({ signal }: LeanPlan): Run => ({
  ...{ threads: WORKERS, serverThreads: WORKERS, load: 1, seed: 1 },
  seconds: LOAD_SECONDS,
  signal,
  meter: { begin: () => undefined, end: async () => undefined },
})

async function settle({ settleSeconds, signal }: LeanPlan): Promise<void> {
  await delay(settleSeconds * 1000, undefined, { signal })
}

async function starts(plan: LeanPlan, note: Note): Promise<void> {
  const readyMs = async (server: Server): Promise<number> => {
    const running = await RunningServer.start(server, plan.folder, plan.log)
    await running.stop()
    return running.readyMs
  }
  const cluster = await readyMs(nodeCluster('none', 2))
  const own = await readyMs(pool({ processes: 2, threads: 2 }))
  note('start, 2x2 ÷ node:cluster with 2 workers', 2, own / cluster)
  const times = await readyTimesOf(['empty thread', 'empty worker'], plan.signal)
  note(
    'thread ready ÷ a bare Worker, both of an empty handler',
    1.5,
    Math.min(...times['empty thread']) / Math.min(...times['empty worker']),
  )
}
