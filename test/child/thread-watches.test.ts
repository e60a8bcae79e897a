/** A child that stops ends the watches of its threads for certain, whatever they do. */
import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ThreadWatches } from '#dist/child/thread-watches.js'
import { ThreadWord, threadWord, Word } from '#dist/sync/child-memory.js'
import { hasEpoll } from '#dist/sys/epoll.js'
import type { SwitchingThread } from '../fixtures/switches-watch.js'
import { startThread } from '../support/death.js'
import { until } from '../support/until.js'
import { CALLS, WatchedChild } from '../support/watched-child.js'

const ROUNDS = 50
const SWITCHING = threadWord(0, ThreadWord.switching)

if (hasEpoll) {
  test('all watches end with the child, and what waits is left to other children', async () => {
    using child = new WatchedChild()
    const threads = [child.thread(0), child.thread(1), child.thread(31)]
    for (const { watch } of threads) watch.on()
    child.connect()
    for (const { calls } of threads) assert.equal(calls(), [CALLS.connection])
    const watches = new ThreadWatches(child, child.passOn)
    await watches.stop()
    assert.ok(child.handOff.listener.isStopping)
    for (const { calls } of threads) assert.equal(calls(), [])
    assert.ok(child.takeSignal())
    assert.ok(await watches.hasEndedWithin())
  })

  test('a thread that switches just then is waited for', async () => {
    using child = new WatchedChild()
    const { watch, calls } = child.thread(0)
    watch.on()
    Atomics.store(child.words, SWITCHING, 1)
    let isStopped = false
    const stopped = new ThreadWatches(child, child.passOn).stop().then(() => {
      isStopped = true
    })
    for (let turns = 0; turns < 50; turns++) await turn()
    assert.not(isStopped)
    Atomics.store(child.words, SWITCHING, 0)
    await stopped
    child.connect()
    assert.equal(calls(), [])
  })

  test('a thread that switches all the time watches nothing from the end on', async () => {
    using child = new WatchedChild()
    const { calls } = child.thread(0)
    const { memory, words, listener, passOn } = child
    const switches = new SharedArrayBuffer(4)
    const count = new Int32Array(switches)
    const loop = (words[threadWord(0, ThreadWord.loop)] ?? 0) - 1
    const data: SwitchingThread = { memory, listener, passOn, loop, switches }
    const { worker } = startThread('switches-watch', data)
    try {
      await once(worker, 'message')
      child.connect()
      for (let round = 0; round < ROUNDS; round++) {
        const before = Atomics.load(count, 0)
        const hasGoneOn = (): boolean => Atomics.load(count, 0) > before + 10
        await until(hasGoneOn, 30_000, 'the thread switches')
        await new ThreadWatches(child, passOn).stop()
        const stoppedAt = Atomics.load(count, 0)
        assert.equal(calls(), [])
        const hasTried = (): boolean => Atomics.load(count, 0) > stoppedAt + 10
        await until(hasTried, 30_000, 'the thread tries to switch')
        assert.equal(calls(), [])
        Atomics.store(words, Word.stopping, 0)
      }
    } finally {
      await worker.terminate()
    }
  })
} else test('skipped: this system has no epoll', () => undefined)

test.run()
