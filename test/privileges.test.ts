/** Children that run as somebody else: seen from inside the handler, and by the kernel. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { groupsOf } from '#dist/sys/accounts.js'
import { runCli, startCli } from './support/cli.js'
import { get } from './support/http.js'
import { fixture } from './support/paths.js'
import { NOBODY, numbers, testAsRoot } from './support/privileges.js'
import { descriptors, readOfThreads } from './support/processes.js'
import { until } from './support/until.js'

const handler = fixture('identity')
const size = ['--processes', '1', '--threads', '2']
const listen = ['--listen', '127.0.0.1:0']
const asNobody = ['--user', String(NOBODY), '--group', String(NOBODY)]

interface Answer {
  readonly pid: number
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
  readonly regainsRoot: boolean
  readonly umask: number
  readonly environment: readonly string[]
}

async function ask(address: string): Promise<Answer> {
  return JSON.parse((await get(address)).body) as Answer
}

/** Where another user may get at a folder of its own, as in /tmp. */
let temporary = ''
test.before.each(() => {
  temporary = mkdtempSync(join(tmpdir(), 'forkthread-test-'))
  chmodSync(temporary, 0o1777)
})
test.after.each(() => rmSync(temporary, { recursive: true, force: true }))

for (const acceptMutex of ['flock', 'fcntl', 'none']) {
  testAsRoot(
    `the handler runs as the user and can't become root again (${acceptMutex})`,
    async () => {
      const args = [handler, ...listen, ...size, ...asNobody, '--accept-mutex', acceptMutex]
      await using program = startCli([...args, '--umask', '027'], { env: { TMPDIR: temporary } })
      const [address = ''] = await program.ready()
      const answer = await ask(address)
      const { uid, gid, groups, regainsRoot, umask } = answer
      assert.equal([uid, gid, groups], [NOBODY, NOBODY, [NOBODY]])
      assert.not(regainsRoot)
      assert.is(umask, 0o027)
      assert.equal(program.children(), [answer.pid])
      // The parent stays who it is.
      const parent = readFileSync(`/proc/${program.pid}/status`, 'utf8')
      assert.equal(numbers(parent, 'Uid'), [0, 0, 0, 0])
    },
  )
}

testAsRoot('every thread of a child has dropped, and holds no capability', async () => {
  const args = [handler, ...listen, ...size, ...asNobody]
  await using program = startCli(args, { env: { TMPDIR: temporary } })
  const [address = ''] = await program.ready()
  const { pid } = await ask(address)
  const statuses = readOfThreads(pid, 'status')
  // Main, listener, two workers, and those of V8 and libuv.
  assert.ok(statuses.length > 4)
  for (const status of statuses) {
    for (const line of ['Uid', 'Gid']) assert.equal(numbers(status, line), Array(4).fill(NOBODY))
    assert.equal(numbers(status, 'Groups'), [NOBODY])
    for (const set of ['CapPrm', 'CapEff', 'CapAmb'])
      assert.match(status, new RegExp(`^${set}:\\s*0+$`, 'm'))
  }
})

testAsRoot('supplementary groups are exactly those given', async () => {
  const identity = { name: 'somebody', uid: NOBODY, gid: NOBODY, groups: [NOBODY, 4711, 4712] }
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [fixture('drop'), JSON.stringify(identity)],
    { encoding: 'utf8' },
  )
  for (const status of JSON.parse(stdout || stderr) as string[]) {
    assert.equal(numbers(status, 'Uid'), Array(4).fill(NOBODY))
    assert.equal(numbers(status, 'Groups'), [4711, 4712, NOBODY])
  }
})

test('the groups of an account are those that id(1) knows', () => {
  const { username, gid } = userInfo()
  const { stdout } = spawnSync('id', ['-G', username], { encoding: 'utf8' })
  const sorted = (groups: readonly number[]) => [...groups].sort((a, b) => a - b)
  assert.equal(sorted(groupsOf(username, gid)), sorted(stdout.trim().split(' ').map(Number)))
})

testAsRoot(
  'a privileged port is bound, and a child that replaces another one serves it, too',
  async () => {
    const port = 1 + (process.pid % 1000)
    const args = [handler, '--listen', `127.0.0.1:${port}`, ...size, ...asNobody]
    await using program = startCli(args, { env: { TMPDIR: temporary } })
    const [address = ''] = await program.ready()
    const first = await ask(address)
    process.kill(first.pid, 'SIGKILL')
    await until(() => !program.children().includes(first.pid), 30_000, 'the first child to be gone')
    const second = await ask(address)
    assert.is.not(second.pid, first.pid)
    assert.is(second.uid, NOBODY)
  },
)

testAsRoot('a child has no descriptor of the parent but what it serves with', async () => {
  const admin = join(temporary, 'admin.sock')
  const pidFile = join(temporary, 'pid')
  const args = [handler, ...listen, '--listen', `unix:${temporary}/app.sock`, ...size, ...asNobody]
  await using program = startCli(
    [...args, '--accept-mutex', 'flock', '--admin', `unix:${admin}`, '--pid-file', pidFile],
    { env: { TMPDIR: temporary } },
  )
  const [address = ''] = await program.ready()
  await get(address)
  const [child = 0] = program.children()
  const targets = (pid: number) => descriptors(pid).map(({ target }) => target)
  const ofParent = targets(program.pid).filter((target) => /^(socket|pipe):/.test(target))
  const shared = targets(child).filter((target) => ofParent.includes(target))
  // Standard output, standard error, two listeners, both ends of the mailbox and of the transfer; not the admin socket, and not the parent's end of the channel.
  assert.is(shared.length, 8, shared.join(', '))
  const rest = targets(child).filter((target) => !shared.includes(target))
  const own = /^(socket|pipe):|^anon_inode:\[(eventpoll|eventfd|io_uring)\]|^\/dev\/null$/
  const files = rest
    .filter((target) => !own.test(target))
    .map((target) => target.replace(/^.*\//, ''))
  // The scoreboard, its own description of the lock file, and the keys of session tickets.
  assert.equal(files.sort(), [
    'memfd:forkthread (deleted)',
    'memfd:forkthread-accept-0.lock (deleted)',
    'memfd:forkthread-tickets (deleted)',
  ])
  assert.ok(targets(program.pid).includes(pidFile))
})

test('who is not root is told so', async () => {
  if (process.getuid?.() !== 0) {
    const run = await runCli([handler, ...listen, '--user', '4711', '--group', '4711'])
    assert.is(run.code, 1)
    assert.match(
      run.stderr,
      /No process can run as uid 4711: only root may choose.*\[FT_ERR_PRIVILEGES\]/,
    )
  }
})

testAsRoot('another user is told so, and may name itself', async () => {
  const execArgv = [
    '--import',
    `data:text/javascript,process.setgroups([]);process.setgid(${NOBODY});process.setuid(${NOBODY})`,
  ]
  const env = { TMPDIR: temporary }
  const refused = await runCli([handler, ...listen, '--user', '4711', '--group', '4711'], {
    execArgv,
    env,
  })
  assert.is(refused.code, 1)
  assert.match(
    refused.stderr,
    /No process can run as uid 4711: only root may choose, and this process runs as uid 65534.*\[FT_ERR_PRIVILEGES\]/,
  )
  await using program = startCli([handler, ...listen, ...size, ...asNobody], { execArgv, env })
  const [address = ''] = await program.ready()
  assert.is((await ask(address)).uid, NOBODY)
})

for (const [given, why] of [
  [['--user', 'no-such-user'], /user: 'no-such-user' was given, but there is no such user/],
  [['--user', String(NOBODY), '--group', 'no-such-group'], /group: 'no-such-group' was given, but/],
  [['--user', '3999999999'], /this number has no account that would tell its group; give group/],
  [['--user', '0'], /user: 0 was given, but it is root/],
] as const) {
  testAsRoot(`${given.join(' ')} is refused before anything is bound`, async () => {
    const run = await runCli([handler, ...listen, ...given], { env: { TMPDIR: temporary } })
    assert.is(run.code, 1)
    assert.match(run.stderr, why)
    assert.match(run.stderr, '[FT_ERR_ACCOUNT]')
    assert.equal(readdirSync(temporary), [])
  })
}

/** setpriv(1) of util-linux takes away from root what a drop needs. */
const hasSetpriv = spawnSync('setpriv', ['--version']).status === 0

for (const [what, flags, why] of [
  ['that is not allowed', ['--bounding-set=-setuid'], /the change failed \(.*EPERM/],
  [
    'after which root could be regained',
    ['--securebits=+no_setuid_fixup'],
    /it could become root again/,
  ],
] as const) {
  const body = async () => {
    const run = await runCli([handler, ...listen, ...size, ...asNobody], {
      launcher: ['setpriv', ...flags],
      env: { TMPDIR: temporary },
    })
    assert.is(run.code, 1)
    assert.match(run.stderr, why)
    assert.match(run.stderr, '[FT_ERR_PRIVILEGES]')
    assert.equal(readdirSync(temporary), [])
  }
  const name = `a drop ${what} makes the start fail`
  if (hasSetpriv) testAsRoot(name, body)
  else console.log(`skipped: "${name}": setpriv is missing (apt install util-linux)`)
}

testAsRoot('a handler that the user may not read is named, not "not found"', async () => {
  const folder = join(temporary, 'private')
  mkdirSync(folder, { mode: 0o700 })
  const path = join(folder, 'app.mjs')
  writeFileSync(path, 'export default () => undefined\n')
  const run = await runCli([path, ...listen, ...size, ...asNobody], { env: { TMPDIR: temporary } })
  assert.is(run.code, 1)
  assert.match(run.stderr, `it may not read ${path}`)
  assert.match(run.stderr, '[FT_ERR_PRIVILEGES]')
})

test.run()
