/** A pool that has nothing to do uses no CPU: before anybody has asked it something, and after thousands of connections. */
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Program, startCli } from './support/cli.js'
import { connectionPerRequestAgent, get } from './support/http.js'
import { fixture } from './support/paths.js'
import { cpuTicks, family, openDescriptors, sameDescriptors } from './support/pool-processes.js'

/** How processes may take turns to accept; a pool of each is looked at, at the same time. */
const MECHANISMS = ['flock', 'none'] as const

const MOST_TICKS = 1
/** A pool at rest collects its garbage once, some seconds after it was last busy, one thread after the other. */
const MOST_WINDOWS = 16
const CONNECTIONS = 2_000

/** The whole pool may use one tick (10 ms) of CPU time in three seconds: its clocks tick, and whoever polls uses hundreds. */
async function usesNoCpu(program: Program): Promise<void> {
  const pids = family(program)
  const windows: number[] = []
  // The first windows may see the tail of what was before; others may keep the cores busy; whoever polls is in every one.
  while (windows.length < MOST_WINDOWS && (windows.at(-1) ?? MOST_TICKS + 1) > MOST_TICKS) {
    const before = cpuTicks(pids)
    await sleep(3_000)
    windows.push(cpuTicks(pids) - before)
  }
  assert.ok(Math.min(...windows) <= MOST_TICKS, `${windows} ticks in 3 s each`)
}

function start(...options: string[]): Program {
  const size = ['--processes', '2', '--threads', '2']
  return startCli([fixture('http'), '--listen', '127.0.0.1:0', ...size, ...options])
}

async function isIdleAtFirst(mechanism: string): Promise<void> {
  await using program = start('--accept-mutex', mechanism)
  await program.ready()
  await usesNoCpu(program)
}

async function isIdleAgain(mechanism: string): Promise<void> {
  // A parker, started at some moment or not, would change what descriptors there are.
  await using program = start('--accept-mutex', mechanism, '--keep-alive', 'pin')
  const [address = ''] = await program.ready()
  const idle = openDescriptors(family(program))
  const agent = connectionPerRequestAgent()
  let left = CONNECTIONS
  const client = async () => {
    while (left-- > 0) assert.is((await get(address, { agent })).body, 'hello\n')
  }
  await Promise.all(Array.from({ length: 16 }, client))
  await sameDescriptors(program, idle)
  await usesNoCpu(program)
}

test('a pool that nobody has asked anything yet uses no CPU', async () => {
  await Promise.all(MECHANISMS.map(isIdleAtFirst))
})

test(`${CONNECTIONS} connections leave no descriptor, and then the pool uses no CPU`, async () => {
  await Promise.all(MECHANISMS.map(isIdleAgain))
})

test.run()
