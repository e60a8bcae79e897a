/**
 * The accept mutex between processes, some of them killed while they hold it: nobody meets inside, and a freed lock is taken.
 * `FORKTHREAD_STRESS=seconds node build/test/sync/file-lock.test.js` for longer.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasOfdLocks } from '#dist/sys/file-lock.js'
import { createSharedMemory, mapSharedMemory } from '#dist/sys/memory.js'
import type { FileLockUser } from '../fixtures/file-lock-user.js'
import { stressSeconds } from '../support/death.js'
import { At, BYTES, MOST_PROCESSES } from '../support/file-lock-memory.js'
import { fixture } from '../support/paths.js'
import { until, within } from '../support/until.js'

const LIMIT_MS = 30_000
const seconds = stressSeconds(6)

class Scene implements AsyncDisposable {
  readonly words: Int32Array
  readonly #memory = createSharedMemory('file-lock-test', BYTES)
  readonly #folder = mkdtempSync(join(tmpdir(), 'forkthread-lock-'))
  readonly #terms: Pick<FileLockUser, 'mechanism' | 'permits'>
  readonly #running = new Map<number, { child: ChildProcess; exited: Promise<unknown> }>()
  #count = 0

  constructor(terms: Pick<FileLockUser, 'mechanism' | 'permits'>) {
    this.#terms = terms
    this.words = new Int32Array(mapSharedMemory(this.#memory, BYTES))
  }

  get running(): number[] {
    return [...this.#running.keys()]
  }

  get hasRoom(): boolean {
    return this.#count < MOST_PROCESSES - 1
  }

  /** Returns its number. */
  start(task: FileLockUser['task']): number {
    const self = ++this.#count
    const user: FileLockUser = { task, path: join(this.#folder, 'lock'), self, ...this.#terms }
    const child = spawn(process.execPath, [fixture('file-lock-user'), JSON.stringify(user)], {
      stdio: ['ignore', 'inherit', 'inherit', this.#memory],
    })
    const exited = once(child, 'exit')
    this.#running.set(self, { child, exited })
    return self
  }

  async kill(self: number): Promise<void> {
    const entry = this.#running.get(self)
    this.#running.delete(self)
    Atomics.store(this.words, At.doomed + self, 1)
    entry?.child.kill('SIGKILL')
    await entry?.exited
  }

  /** Waits until the lock has been had some more times. */
  async progress(): Promise<void> {
    const seen = this.words[At.first] ?? 0
    const moves = () => Atomics.load(this.words, At.first) > seen + 10
    await until(moves, LIMIT_MS, `more than ${seen} times inside`)
  }

  async stop(): Promise<void> {
    Atomics.store(this.words, At.stop, 1)
    const all = [...this.#running.values()].map(({ exited }) => exited)
    const exits = await within(Promise.all(all), LIMIT_MS, 'end of the processes')
    this.#running.clear()
    for (const exit of exits) assert.equal(exit, [0, null])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const self of this.running) await this.kill(self)
    closeSync(this.#memory)
    rmSync(this.#folder, { recursive: true })
  }
}

const mechanisms = hasOfdLocks ? (['flock', 'fcntl'] as const) : (['flock'] as const)

for (const mechanism of mechanisms) {
  test(`${mechanism}: processes never meet inside, though some are killed there`, async () => {
    await using scene = new Scene({ mechanism, permits: 1 })
    const { words } = scene
    for (let n = 0; n < 3; n++) scene.start('count')
    await scene.progress()
    let kills = 0
    let killedInside = 0
    const endAt = performance.now() + (seconds * 1000) / mechanisms.length
    while (performance.now() < endAt && scene.hasRoom) {
      // Looks until it sees one inside; it may have left by the time that the signal comes.
      let inside = 0
      for (const lookUntil = performance.now() + 200; inside === 0; ) {
        inside = Atomics.load(words, At.inside)
        if (performance.now() > lookUntil) break
      }
      const doomed = scene.running.includes(inside) ? inside : (scene.running[0] ?? 0)
      await scene.kill(doomed)
      kills++
      if (words[At.inside] === doomed) killedInside++
      await scene.progress()
      scene.start('count')
      await sleep(50)
    }
    await scene.progress()
    await scene.stop()
    const [first = 0, second = 0] = [words[At.first], words[At.second]]
    console.log(
      `${mechanism}: ${first} times inside, ${kills} killed, ${words[At.repairs]} of them there`,
    )
    assert.is(words[At.broken], 0)
    assert.is(first, second)
    assert.ok(kills > 1, `${kills} kills`)
    assert.ok((words[At.repairs] ?? 0) <= kills)
    assert.ok((words[At.repairs] ?? 0) >= Math.min(killedInside, 1))
    const completed = words.slice(At.own).reduce((sum, own) => sum + own, 0)
    assert.ok(first - completed >= 0 && first - completed <= kills, `${completed} of ${first}`)
  })

  test(`${mechanism}: when its holder is killed, one that waits has the lock`, async () => {
    await using scene = new Scene({ mechanism, permits: 1 })
    const { words } = scene
    const has = (self: number) =>
      until(() => Atomics.load(words, At.inside) === self, LIMIT_MS, `process ${self} inside`)
    const first = scene.start('hold')
    await has(first)
    const second = scene.start('hold')
    await until(() => Atomics.load(words, At.started) === 2, LIMIT_MS, 'the second one')
    await sleep(50)
    assert.is(words[At.inside], first)
    await scene.kill(first)
    await has(second)
    await scene.stop()
  })

  test(`${mechanism}: with two permits there are two inside, never three`, async () => {
    await using scene = new Scene({ mechanism, permits: 2 })
    const { words } = scene
    for (let n = 0; n < 4; n++) scene.start('count holders')
    // The first to start may have been inside so often before the others run.
    const bothHeld = () => (words[At.first] ?? 0) > 200 && (words[At.repairs] ?? 0) > 0
    await until(bothHeld, LIMIT_MS, '200 times inside, and both permits in use at a time')
    await scene.stop()
    assert.is(words[At.broken], 0)
    assert.is(words[At.inside], 0)
  })
}

test.run()
