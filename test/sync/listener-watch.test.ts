/** The watch that a thread keeps on the listeners: on, off, what fails, and that it never meets the end of all watches. */
import { closeSync, openSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ThreadWord, threadWord, Word } from '#dist/sync/child-memory.js'
import { Epoll, hasEpoll } from '#dist/sys/epoll.js'
import { signalEvent } from '#dist/sys/event-descriptor.js'
import { systemErrorName } from '#dist/sys/libc.js'
import { interruptedAt } from '../support/death.js'
import { fixture } from '../support/paths.js'
import { CALLS, WatchedChild } from '../support/watched-child.js'

const SWITCHING = threadWord(0, ThreadWord.switching)
const LOOP = threadWord(0, ThreadWord.loop)

if (hasEpoll) {
  test('a watch reports under the numbers that it was given, as long as it is on', () => {
    using child = new WatchedChild()
    const { watch, calls } = child.thread(0)
    child.connect()
    assert.equal(calls(), [])
    watch.on()
    assert.ok(watch.isOn)
    assert.equal(calls(), [CALLS.connection], 'what waits already is reported')
    signalEvent(child.passOn)
    assert.equal(calls(), [CALLS.connection, CALLS.passedOn])
    watch.off()
    assert.not(watch.isOn)
    assert.equal(calls(), [])
    watch.on()
    assert.equal(calls(), [CALLS.connection, CALLS.passedOn])
    watch.calls = undefined
    assert.not(watch.isOn, 'a loop that can be called no more watches nothing')
    watch.on()
    assert.not(watch.isOn)
  })

  test('another one is called only if something waits', () => {
    using child = new WatchedChild()
    const { watch } = child.thread(0)
    watch.callAnother()
    assert.not(child.takeSignal())
    child.connect()
    watch.callAnother()
    assert.ok(child.takeSignal())
  })

  test('what can be watched only in part is not watched at all, and whoever it may have called is called again', () => {
    // No file can be watched: epoll_ctl fails, as it does when there is no memory or the user watches too much.
    const file = openSync(fixture('http'), 'r')
    try {
      using child = new WatchedChild([file])
      const { watch, calls, failures } = child.thread(0, [file])
      child.connect()
      watch.on()
      assert.not(watch.isOn)
      assert.equal(calls(), [])
      assert.equal(failures.map(systemErrorName), ['EPERM'])
      assert.is(child.words[SWITCHING], 0, 'nobody waits for it')
      assert.ok(child.takeSignal())
      watch.on()
      assert.is(failures.length, 2, 'it may be tried again')
    } finally {
      closeSync(file)
    }
  })

  test('nothing is switched any more when the child stops, or the thread is to be ended', () => {
    for (const over of [Word.stopping, threadWord(0, ThreadWord.ending)]) {
      using child = new WatchedChild()
      const { watch, calls } = child.thread(0)
      child.connect()
      child.words[over] = 1
      watch.on()
      assert.not(watch.isOn)
      assert.equal(calls(), [])
      assert.is(child.words[SWITCHING], 0)
    }
  })

  test('wherever the end of the watches comes, nothing is switched after it', () => {
    for (const over of [Word.stopping, threadWord(0, ThreadWord.ending)]) {
      for (const change of ['on', 'off'] as const) {
        let points = 0
        for (let step = 0; ; step++) {
          using child = new WatchedChild()
          const { watch, calls } = child.thread(0)
          if (change === 'off') watch.on()
          const epoll = new Epoll((child.words[LOOP] ?? 0) - 1)
          let isMarked = false
          // As the child's main thread: it says so, and goes on only when the mark is gone.
          const end = (): void => {
            Atomics.store(child.words, over, 1)
            isMarked = Atomics.load(child.words, SWITCHING) === 1
            if (!isMarked) takeOut()
          }
          const takeOut = (): void => {
            for (const fd of [child.listener, child.passOn]) epoll.remove(fd)
          }
          const isReached = interruptedAt(step, () => watch[change](), end)
          if (!isReached) break
          points++
          assert.is(child.words[SWITCHING], 0)
          if (isMarked) takeOut()
          child.connect()
          signalEvent(child.passOn)
          watch.on()
          assert.equal(calls(), [], `${change}, point ${step}`)
        }
        assert.ok(points >= 8, `${points} points`)
      }
    }
  })
} else test('skipped: this system has no epoll', () => undefined)

test.run()
