import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPool, type Pool } from 'forkthread'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Program, startCli } from './support/cli.js'
import { get, portOf } from './support/http.js'
import { fixture } from './support/paths.js'
import { descriptors, send } from './support/processes.js'
import { until } from './support/until.js'

const handler = fixture('who')
const mechanisms = ['flock', 'fcntl', 'none'] as const

/** Long enough to see that something does not happen, short enough for a test. */
const NOTHING_HAPPENS_MS = 300

for (const acceptMutex of mechanisms) {
  const test = suite(`acceptMutex ${acceptMutex}`)

  test('several children and listeners serve, and every thread gets its share', async () => {
    const listen = ['127.0.0.1:0', '127.0.0.1:0', '127.0.0.1:0']
    await using pool = await createPool({ handler, listen, processes: 2, threads: 2, acceptMutex })
    const seen = new Set<string>()
    let requests = 0
    const askTwice = (address: string) => [get(address), get(address)]
    // Several at a time, since of threads that idle the same one may always be first; so it may take a while until everybody was.
    while (seen.size < 4 && requests < 6000)
      for (const { body } of await Promise.all(pool.addresses.flatMap(askTwice))) {
        seen.add(body.trim())
        requests++
      }
    assert.is(seen.size, 4)
    await until(() => pool.stats().totals.requests === requests, 30_000, 'all requests counted')
  })

  test('a killed child, perhaps the holder, leaves nothing locked', async () => {
    await using pool = await quietPool({ acceptMutex, processes: 3, threads: 1 })
    for (let round = 0; round < 3; round++) {
      const victims = pool.stats().processes.map(({ pid }) => pid)
      // All but the last one, so the holder is killed for certain in two rounds of three.
      for (const pid of victims.slice(0, 2)) process.kill(pid, 'SIGKILL')
      for (let request = 0; request < 6; request++) assert.is((await get(pool.address)).status, 200)
      await until(
        () => {
          const ready = pool.stats().processes.filter(({ state }) => state === 'ready')
          // The parent may not have seen the deaths yet, and count the dead.
          return ready.length === 3 && !ready.some(({ pid }) => victims.slice(0, 2).includes(pid))
        },
        30_000,
        'killed children are replaced',
      )
    }
    assert.is(pool.stats().totals.childDeaths, 6)
  })

  test('out of descriptors: no spin, no death, and service resumes by itself', async () => {
    await using pool = await quietPool({ acceptMutex, processes: 1 })
    const shortages: Error[] = []
    pool.on('error', (error) => shortages.push(error))
    const [child] = pool.stats().processes
    assert.ok(child)
    const room = 20
    const limit = descriptors(child.pid).length + room
    execFileSync('prlimit', ['--pid', String(child.pid), `--nofile=${limit}:`])
    // Each holds a descriptor until it is destroyed; so many more than there is room for wait in the backlog.
    const clients = await Promise.all(Array.from({ length: room * 2 }, () => hold(pool.address)))
    await until(() => shortages.length > 0, 30_000, 'the shortage is reported')
    assert.match(shortages[0]?.message ?? '', /accept failed with EMFILE/)
    const before = cpuMs(pool)
    await sleep(1000)
    assert.ok(
      cpuMs(pool) - before < 300,
      `${cpuMs(pool) - before} ms of CPU in a second of shortage`,
    )
    for (const client of clients) client.destroy()
    const answer = await get(pool.address)
    assert.is(answer.status, 200)
    assert.is(answer.headers['x-pid'], String(child.pid))
    await until(() => descriptors(child.pid).length <= limit - room + 2, 30_000, 'nothing leaked')
  })

  test.run()
}

const interoperates = suite('the lock file')

interoperates('has no name: a cleaner of temporary files finds nothing to remove', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'accept-mutex-test-'))
  await using program = await startWithLock('flock', ['--processes', '2', '--admin', 'off'], {
    TMPDIR: folder,
  })
  const [address = ''] = await program.ready()
  assert.equal(readdirSync(folder), [])
  rmSync(folder, { recursive: true })
  for (const child of program.children()) send(child, 'SIGKILL')
  await until(async () => (await get(address)).status === 200, 30_000, 'they are replaced')
  await until(() => program.children().length === 2, 30_000, 'all of them')
})

for (const acceptMutex of ['flock', 'fcntl', 'none']) {
  interoperates(`asks for no folder for temporary files (${acceptMutex})`, async () => {
    await using program = await startWithLock(acceptMutex, [], { TMPDIR: '/nowhere' })
    const [address = ''] = await program.ready()
    assert.is((await get(address)).status, 200)
  })
}

interoperates('is the lock of flock(1): while a shell holds it, connections wait', async () => {
  await using program = await startWithLock('flock')
  const [address = ''] = await program.ready()
  const shell = spawn('flock', [lockFiles(program.pid)[0] ?? '', '-c', 'echo held; read line'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    const held = once(shell.stdout, 'data')
    // A child that polls holds the lock; each served connection makes it give the lock to the next in the queue.
    let isHeld = false
    void held.then(() => {
      isHeld = true
    })
    while (!isHeld) {
      const served = get(address)
      await Promise.race([served, held])
      if (isHeld) served.catch(() => undefined)
    }
    let answered = 0
    const waiting = Array.from({ length: 5 }, async () => {
      const { status } = await get(address)
      answered++
      return status
    })
    await sleep(NOTHING_HAPPENS_MS)
    assert.is(answered, 0, 'nothing is accepted while the shell holds the lock')
    shell.stdin.end('\n')
    assert.equal(await Promise.all(waiting), [200, 200, 200, 200, 200])
  } finally {
    shell.stdin.end('\n')
    if (shell.exitCode === null) await once(shell, 'exit')
  }
})

interoperates('is one per permit, and all permits are used', async () => {
  await using program = await startWithLock('flock', ['--accept-permits', '3'])
  const [address = ''] = await program.ready()
  assert.is(lockFiles(program.pid).length, 3)
  for (let request = 0; request < 20; request++) assert.is((await get(address)).status, 200)
})

interoperates.run()

async function quietPool(options: {
  acceptMutex: (typeof mechanisms)[number]
  processes: number
  threads?: number
}): Promise<Pool> {
  const pool = await createPool({ handler, listen: '127.0.0.1:0', threads: 2, ...options })
  // Deaths are what these tests are about; without a listener they would be printed.
  pool.on('error', () => undefined)
  return pool
}

/** A client whose request stays in flight once it is accepted. */
async function hold(address: string): Promise<Socket> {
  const socket = connect(portOf(address), '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write('GET /?hold HTTP/1.1\r\nHost: test\r\n\r\n')
  return socket
}

function cpuMs(pool: Pool): number {
  return pool.stats().processes.reduce((sum, process) => sum + process.cpuMs, 0)
}

async function startWithLock(
  acceptMutex: string,
  more: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Program> {
  const args = [handler, '--listen', '127.0.0.1:0', '--processes', '2', '--threads', '1']
  const program = startCli([...args, '--accept-mutex', acceptMutex, ...more], { env })
  await program.ready()
  return program
}

/** Ways to the files in memory that a process has for the accept mutex. */
function lockFiles(pid: number): string[] {
  return descriptors(pid)
    .filter(({ target }) => target.startsWith('/memfd:forkthread-accept-'))
    .map(({ fd }) => `/proc/${pid}/fd/${fd}`)
}
