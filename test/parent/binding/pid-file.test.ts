/** Who holds a pid file, what is stale, and that nothing else is ever overwritten. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PidFile } from '#dist/parent/binding/pid-file.js'
import { ForkthreadError } from '#dist/shared/errors.js'
import { fixture } from '../../support/paths.js'
import { tempFolder } from '../../support/temp-folder.js'

const own = `${process.pid}\n`

function refusal(action: () => unknown): ForkthreadError {
  try {
    action()
  } catch (error) {
    if (error instanceof ForkthreadError) return error
    throw error
  }
  throw new Error('was accepted')
}

/** Another process that claims the path and writes its pid, or only claims it, until it is killed. */
async function holder(path: string, step: 'claim' | 'write') {
  const child = spawn(process.execPath, [fixture('pid-file-holder'), path, step], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  const exited = once(child, 'exit')
  return {
    pid: child.pid,
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    async [Symbol.asyncDispose]() {
      await this.kill()
    },
  }
}

test('it is empty from the claim on, then holds the pid, and goes in the end', () => {
  using folder = tempFolder()
  const path = folder.file('pid')
  const file = PidFile.claim(path, 0o027)
  assert.is(readFileSync(path, 'utf8'), '')
  file.write()
  assert.is(readFileSync(path, 'utf8'), own)
  assert.is(statSync(path).mode & 0o777, 0o640)
  assert.equal(readdirSync(folder.path), ['pid'])
  file.release()
  assert.equal(readdirSync(folder.path), [])
})

test('a live one is never taken, and the error names its holder', async () => {
  using folder = tempFolder()
  const path = folder.file('pid')
  await using other = await holder(path, 'write')
  const { ino } = statSync(path)
  const error = refusal(() => PidFile.claim(path, 0))
  assert.is(error.code, 'FT_ERR_PID_FILE_HELD')
  assert.match(error.message, `is held by process ${other.pid}, which runs`)
  assert.is(statSync(path).ino, ino)
  assert.is(readFileSync(path, 'utf8'), `${other.pid}\n`)
})

test('one that is claimed and not yet written is live, too', async () => {
  using folder = tempFolder()
  const path = folder.file('pid')
  await using _other = await holder(path, 'claim')
  const error = refusal(() => PidFile.claim(path, 0))
  assert.is(error.code, 'FT_ERR_PID_FILE_HELD')
  assert.match(error.message, 'a pool that is starting')
})

for (const step of ['claim', 'write'] as const) {
  test(`the file of a process that was killed after its ${step} is stale`, async () => {
    using folder = tempFolder()
    const path = folder.file('pid')
    const other = await holder(path, step)
    await other.kill()
    assert.ok(existsSync(path))
    const file = PidFile.claim(path, 0)
    assert.is(readFileSync(path, 'utf8'), '')
    file.write()
    assert.is(readFileSync(path, 'utf8'), own)
    file.release()
  })
}

test('of processes that want it all the time, one has it at a time', async () => {
  using folder = tempFolder()
  const racers = Array.from({ length: 3 }, () =>
    spawn(process.execPath, [fixture('pid-file-racer'), folder.file('pid'), '300'], {
      stdio: ['ignore', 'inherit', 'inherit'],
    }),
  )
  const exits = await Promise.all(racers.map((racer) => once(racer, 'exit')))
  assert.equal(exits, Array(3).fill([0, null]))
  assert.equal(readdirSync(folder.path), [])
})

test('a stale one is stale whatever process has its pid by now', () => {
  using folder = tempFolder()
  const path = folder.file('pid')
  writeFileSync(path, own)
  const file = PidFile.claim(path, 0)
  file.write()
  file.release()
  assert.not(existsSync(path))
})

for (const [kind, make] of [
  ['a file with something else', (path: string) => writeFileSync(path, 'precious')],
  ['a folder', (path: string) => mkdirSync(path)],
  ['a link', (path: string) => symlinkSync('elsewhere', path)],
] as const) {
  test(`${kind} is never touched`, () => {
    using folder = tempFolder()
    const path = folder.file('pid')
    make(path)
    const error = refusal(() => PidFile.claim(path, 0))
    assert.is(error.code, 'FT_ERR_PID_FILE')
    assert.equal(readdirSync(folder.path), ['pid'])
    if (kind === 'a file with something else') assert.is(readFileSync(path, 'utf8'), 'precious')
  })
}

test('without its folder it is an error', () => {
  using folder = tempFolder()
  const error = refusal(() => PidFile.claim(folder.file('missing/pid'), 0))
  assert.match(error.message, 'open failed with ENOENT')
})

test('what took its place stays, and is not written over', () => {
  using folder = tempFolder()
  const path = folder.file('pid')
  const file = PidFile.claim(path, 0)
  writeFileSync(folder.file('new'), 'precious')
  renameSync(folder.file('new'), path)
  assert.match(refusal(() => file.write()).message, 'somebody has removed or replaced it')
  file.release()
  assert.is(readFileSync(path, 'utf8'), 'precious')
})

test('a file that somebody removed may be claimed by the next one, and the first one leaves that alone', () => {
  using folder = tempFolder()
  const path = folder.file('pid')
  const first = PidFile.claim(path, 0)
  first.write()
  unlinkSync(path)
  const second = PidFile.claim(path, 0)
  second.write()
  first.release()
  assert.is(readFileSync(path, 'utf8'), own)
  second.release()
  assert.not(existsSync(path))
})

test('a successor takes over from a live holder, and the path is locked at every moment', () => {
  using folder = tempFolder()
  const path = folder.file('pid')
  const old = PidFile.claim(path, 0)
  old.write()
  const next = PidFile.takeOver(path, 0, process.pid)
  const isHeld = () => refusal(() => PidFile.claim(path, 0)).code === 'FT_ERR_PID_FILE_HELD'
  assert.ok(isHeld())
  next.write()
  assert.ok(isHeld())
  old.release()
  assert.ok(isHeld())
  assert.is(readFileSync(path, 'utf8'), own)
  next.release()
  assert.equal(readdirSync(folder.path), [])
})

test('a successor that fails before it has written leaves the file to the old holder', () => {
  using folder = tempFolder()
  const path = folder.file('pid')
  const old = PidFile.claim(path, 0)
  old.write()
  PidFile.takeOver(path, 0, process.pid).release()
  assert.is(readFileSync(path, 'utf8'), own)
  old.release()
  assert.not(existsSync(path))
})

test('a holder whose successor died after it had written claims the path again', async () => {
  using folder = tempFolder()
  const path = folder.file('pid')
  const old = PidFile.claim(path, 0)
  old.write()
  // What a successor leaves that was killed: its file, without a lock.
  writeFileSync(folder.file('successor'), '4711\n')
  renameSync(folder.file('successor'), path)
  old.release()
  const again = PidFile.claim(path, 0)
  again.write()
  assert.is(readFileSync(path, 'utf8'), own)
  again.release()
})

test('a take-over from somebody else than the holder is refused', () => {
  using folder = tempFolder()
  const path = folder.file('pid')
  const old = PidFile.claim(path, 0)
  old.write()
  const error = refusal(() => PidFile.takeOver(path, 0, 1))
  assert.match(error.message, `it should hold 1 and holds '${process.pid}'`)
  old.release()
})

test.run()
