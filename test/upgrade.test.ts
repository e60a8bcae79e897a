/** Upgrade: a new parent takes over the very same listeners, or the old one goes on and tells why. */
import { existsSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ForkthreadError } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Program, runCli, startCli } from './support/cli.js'
import { get, portOf } from './support/http.js'
import { openDescriptors } from './support/pool-processes.js'
import { children, isRunning, send } from './support/processes.js'
import { RawClient } from './support/raw-client.js'
import { serve } from './support/serve.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000
/** How long nothing changes when nothing is on its way any more. */
const SETTLED_MS = 300
/** Of upgrades in a row, one way and the other: the first two are what the others are compared with. */
const ROUNDS = 6

const APP = `import { setTimeout as sleep } from 'node:timers/promises'
export default async (req, res) => {
  if (req.url === '/slow') {
    res.write('begun ')
    await sleep(3000)
  }
  if (req.url === '/long') {
    res.write(\`begun by \${process.ppid};\`)
    await sleep(60_000)
  }
  if (req.url === '/block') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4000)
  res.end(\`\${process.ppid}\`)
}
`

/** A program with a configuration file, a free TCP port, a unix path, and an admin path. It has one process, unless more of them could make a difference. */
function project(processes = 1) {
  const folder = tempFolder()
  const write = (name: string, text: string): void => writeFileSync(folder.file(name), text)
  const unixPath = folder.file('app')
  const admin = `unix:${folder.file('admin')}`
  const listen = ['127.0.0.1:0', `unix:${unixPath}`]
  const configure = (options: object = {}): void => {
    const all = { handler: './app.mjs', listen, admin, processes, threads: 1, canaryTime: 100 }
    write('config.mjs', `export default ${JSON.stringify({ ...all, ...options })}\n`)
  }
  write('app.mjs', APP)
  configure()
  const start = () => startCli(['--config', folder.file('config.mjs')])
  const upgrade = () => runCli(['upgrade', '--admin', admin])
  const dispose = () => folder[Symbol.dispose]()
  return { folder, write, configure, unixPath, admin, start, upgrade, [Symbol.dispose]: dispose }
}

const parentOf = async (url: string, socketPath?: string): Promise<number> =>
  Number((await get(url, socketPath === undefined ? {} : { socketPath })).body)

/** Waits for the old parent's end, and answers for the new one from then on. */
async function successor(program: Program, old: number, url: string): Promise<number> {
  await until(() => !isRunning(old), LIMIT_MS, 'the end of the old parent')
  const pid = await parentOf(url)
  assert.is.not(pid, old)
  program.adopt(pid)
  return pid
}

/** Upgrades by the command; the pid of the new parent, when the old one is gone. */
async function upgraded(
  files: ReturnType<typeof project>,
  program: Program,
  url: string,
): Promise<number> {
  const { code, stderr } = await files.upgrade()
  assert.is(code, 0, stderr)
  return await successor(program, program.pid, url)
}

/** What the parent and its children have open, whatever their pids; the channel of the last upgrade may close a moment later. */
function family(parent: number): string {
  const own = openDescriptors([parent])[parent]
  const all = [own, ...Object.values(openDescriptors(children(parent))).sort()]
  // Each parent has a lock folder of its own.
  return JSON.stringify(all).replace(/forkthread-\w+/g, 'forkthread-')
}

/** The same when nothing is on its way any more, such as the end of the connection that has just been answered. */
async function settledFamily(parent: number): Promise<string> {
  let last = ''
  let since = 0
  return await until(
    () => {
      const now = family(parent)
      if (now !== last) since = performance.now()
      last = now
      return performance.now() - since > SETTLED_MS ? last : undefined
    },
    LIMIT_MS,
    'descriptors that stay',
  )
}

/** Waits until they have the same open as before, and shows the difference if that takes too long. */
async function hasOpen(parent: number, expected: string, when: string): Promise<void> {
  await until(() => family(parent) === expected, 30_000, 'the same descriptors').catch(() =>
    assert.is(family(parent), expected, when),
  )
}

test('six in a row: same port, same path, as many processes and descriptors as before', async () => {
  using files = project(2)
  await using program = files.start()
  const [url = ''] = await program.ready(2)
  let parent = program.pid
  let expected = ''
  for (let round = 1; round <= ROUNDS; round++) {
    if (round % 2 === 0) send(parent, 'SIGUSR2')
    else assert.is((await files.upgrade()).code, 0, program.stderr)
    parent = await successor(program, parent, url)
    assert.is(await parentOf('http://unix', files.unixPath), parent)
    assert.is(children(parent).length, 2)
    // The first parent was started otherwise, so the second is what the others are compared with.
    if (round === 2) expected = await settledFamily(parent)
    if (round > 2) await hasOpen(parent, expected, `round ${round}`)
  }
  assert.is(program.running().length, 3)
  assert.not.match(program.stderr, 'FT_ERR')
  send(parent, 'SIGTERM')
  await program.gone()
  assert.not(existsSync(files.unixPath))
  assert.not(existsSync(files.folder.file('admin')))
})

test('a request in flight at the old parent finishes, and the unix path can always be connected to', async () => {
  using files = project()
  await using program = files.start()
  const [url = ''] = await program.ready(2)
  using slow = await RawClient.connect(files.unixPath)
  slow.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
  await slow.until(/begun/)
  let refused = 0
  const knock = setInterval(() => {
    const socket = connect(files.unixPath, () => socket.destroy())
    socket.on('error', () => refused++)
  }, 5)
  const { code, stderr } = await files.upgrade()
  assert.is(code, 0, stderr)
  assert.match(await slow.end(), new RegExp(`${program.pid}\r\n0\r\n\r\n$`))
  const parent = await successor(program, program.pid, url)
  clearInterval(knock)
  assert.is(refused, 0)
  assert.is((await program.exit()).code, 0)
  assert.ok(isRunning(parent))
})

const failures: readonly {
  readonly name: string
  readonly spoil: (files: ReturnType<typeof project>) => void
  readonly says: RegExp
  /** Of several, each may fail, and at the same time. */
  readonly processes?: number
}[] = [
  {
    name: 'whose handler throws',
    spoil: (files) => files.write('app.mjs', "throw new Error('a typing error')\n"),
    says: /The upgrade failed[\s\S]*a typing error[\s\S]*app\.mjs:1/,
    processes: 2,
  },
  {
    name: 'with a wrong option',
    spoil: (files) => files.configure({ threads: 0 }),
    says: /The upgrade failed[\s\S]*threads: 0 was given/,
  },
  {
    name: 'that exits early',
    spoil: (files) => files.write('config.mjs', 'process.exit(7)\n'),
    says: /The upgrade failed[\s\S]*exited with status 7/,
  },
  {
    name: 'that is never ready',
    spoil: (files) => {
      files.configure({ startTimeout: 1000 })
      files.write('app.mjs', 'await new Promise(() => {})\n')
    },
    says: /The upgrade failed[\s\S]*startTimeout/,
    processes: 2,
  },
]

for (const { name, spoil, says, processes = 1 } of failures) {
  test(`a new parent ${name}: the old one goes on, the reason is told, nothing is left`, async () => {
    using files = project(processes)
    await using program = files.start()
    const [url = ''] = await program.ready(2)
    const before = await settledFamily(program.pid)
    spoil(files)
    const { code, stderr } = await files.upgrade()
    assert.is(code, 1, stderr)
    assert.match(stderr, says)
    assert.is(await parentOf(url), program.pid)
    assert.is(await parentOf('http://unix', files.unixPath), program.pid)
    const isAlone = () => program.running().length === 1 + processes
    await until(isAlone, LIMIT_MS, 'no more than the old processes')
    await hasOpen(program.pid, before, 'as before the upgrade')
    files.write('app.mjs', APP)
    files.configure()
    await upgraded(files, program, url)
  })
}

test('addresses that the new configuration has not are closed, those that it adds are bound', async () => {
  using files = project()
  await using program = files.start()
  const [url = ''] = await program.ready(2)
  const added = files.folder.file('added')
  files.configure({ listen: [`unix:${added}`, '127.0.0.1:0'] })
  const parent = await upgraded(files, program, url)
  assert.is(await parentOf('http://unix', added), parent)
  assert.not(existsSync(files.unixPath))
})

test('what waits at an address that the new configuration has not is served by the old parent', async () => {
  using files = project(2)
  await using program = files.start()
  const [url = ''] = await program.ready(2)
  const blocked = [1, 2].map(() => get(`${url}/block`))
  // Both threads are busy; these wait in the kernel.
  await sleep(500)
  const waiting = Array.from({ length: 10 }, () => get(url))
  files.configure({ listen: `unix:${files.unixPath}` })
  const { code, stderr } = await files.upgrade()
  assert.is(code, 0, stderr)
  const parent = await until(
    async () => (isRunning(program.pid) ? 0 : await parentOf('http://unix', files.unixPath)),
    LIMIT_MS,
    'the end of the old parent',
  )
  program.adopt(parent)
  for (const { body } of await Promise.all([...blocked, ...waiting]))
    assert.is(Number(body), program.pid)
  assert.is(await parentOf(url).catch((error) => error.code), 'ECONNREFUSED')
})

test('the admin address says "ready" all the time', async () => {
  using files = project()
  await using program = files.start()
  const [url = ''] = await program.ready(2)
  const answers: (number | string)[] = []
  let isOver = false
  const probe = async (): Promise<void> => {
    while (!isOver) {
      const socketPath = files.folder.file('admin')
      const answer = await get('http://localhost/ready', { socketPath }).then(
        ({ status, body }) => (status === 200 ? status : `${status} ${body}`),
        (error: Error) => error.message,
      )
      answers.push(answer)
    }
  }
  const probes = [probe(), probe()]
  await upgraded(files, program, url)
  isOver = true
  await Promise.all(probes)
  assert.equal([...new Set(answers)], [200])
})

/** Begins an upgrade: the new parent as soon as it has been started, and the children that there were before. */
async function begin(program: Program): Promise<{ pid: number; known: readonly number[] }> {
  const known = children(program.pid)
  program.send('SIGUSR2')
  const started = () => children(program.pid).find((pid) => !known.includes(pid))
  const pid = await until(started, LIMIT_MS, 'the new parent')
  program.adopt(pid)
  return { pid, known }
}

test('SIGKILL of the old parent during the upgrade: the new one goes on', async () => {
  using files = project(2)
  files.configure({ canaryTime: 2000 })
  await using program = files.start()
  const [url = ''] = await program.ready(2)
  const { known, pid } = await begin(program)
  await until(() => children(pid).length === 2, LIMIT_MS, 'children of the new parent')
  program.send('SIGKILL')
  await until(() => !known.some(isRunning), LIMIT_MS, 'the end of the old children')
  assert.is(await parentOf(url), pid)
  assert.is(await parentOf('http://unix', files.unixPath), pid)
  send(pid, 'SIGTERM')
  await program.gone()
  assert.not(existsSync(files.unixPath))
})

test('SIGTERM of the old parent during the upgrade ends both, at once or on trial', async () => {
  for (const onTrial of [false, true]) {
    using files = project()
    files.configure({ canaryTime: 3000 })
    await using program = files.start()
    await program.ready(2)
    await begin(program)
    if (onTrial) await program.output(/listening on (?:.*\n){3,}/)
    program.send('SIGTERM')
    await program.gone()
    assert.is((await program.exit()).code, 0)
    assert.not(existsSync(files.unixPath))
    assert.not(existsSync(files.folder.file('admin')))
  }
})

for (const signals of [['SIGQUIT'], ['SIGTERM', 'SIGTERM']] as const) {
  test(`${signals.join(' and ')} during the upgrade: the new parent ends at once, too`, async () => {
    using files = project()
    files.configure({ canaryTime: 60_000 })
    await using program = files.start()
    const [url = ''] = await program.ready(2)
    const { pid } = await begin(program)
    await program.output(/listening on (?:.*\n){3,}/)
    const hold = async (): Promise<number> => {
      const client = await RawClient.connect(portOf(url))
      const [, server] = await client
        .write('GET /long HTTP/1.1\r\nHost: a\r\n\r\n')
        .until(/begun by (\d+);/)
      return Number(server)
    }
    // Whoever drains would wait for them. Which parent's child takes a connection is the kernel's choice, and on a busy machine it
    // is the same one for a while.
    await until(async () => (await hold()) === pid, LIMIT_MS, 'a request that the new parent has')
    for (const signal of signals) {
      program.send(signal)
      // Later than what is taken for the same wish.
      if (signals.length > 1) await sleep(500)
    }
    await until(() => program.running().length === 0, 30_000, 'the end of all')
  })
}

test('those who call upgrade while one runs join it, and nobody joins one that is over', async () => {
  await using serving = await serve('http', { processes: 1, threads: 1 })
  const upgrade = (): Promise<unknown> =>
    serving.pool.upgrade({ argv: ['no-such-file.js'] }).catch((error: unknown) => error)
  const [first, joined] = await Promise.all([upgrade(), upgrade()])
  assert.is((first as ForkthreadError).code, 'FT_ERR_UPGRADE')
  assert.is(joined, first)
  const next = await upgrade()
  assert.is((next as ForkthreadError).code, 'FT_ERR_UPGRADE')
  assert.is.not(next, first)
})

test('the new parent dies on trial: the old one goes on', async () => {
  using files = project()
  files.configure({ canaryTime: 3000 })
  await using program = files.start()
  const [url = ''] = await program.ready(2)
  const { pid } = await begin(program)
  await program.output(/listening on (?:.*\n){3,}/)
  send(pid, 'SIGKILL')
  await program.output(/killed by SIGKILL, though it had been ready[\s\S]*FT_ERR_UPGRADE/, 'stderr')
  await until(() => program.running().length === 2, LIMIT_MS, 'the end of the new processes')
  for (let count = 0; count < 20; count++) assert.is(await parentOf(url), program.pid)
  assert.is(await parentOf('http://unix', files.unixPath), program.pid)
})

test.run()
