/** Threads that are called for connections themselves: who takes, who passes on, and what becomes of one that ends. */
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bit } from '#dist/sync/bits.js'
import { LockOwner, ThreadWord, threadWord } from '#dist/sync/child-memory.js'
import { descriptorOf } from '#dist/sync/entry.js'
import { closeDescriptor } from '#dist/sys/descriptor.js'
import { hasEpoll } from '#dist/sys/epoll.js'
import { interruptedAt } from '../support/death.js'
import { until } from '../support/until.js'
import { CALLS, WatchedChild } from '../support/watched-child.js'

const { control } = LockOwner

/** A connection that a thread has, or nothing. */
function has(entry: number): boolean {
  if (entry >= 0) closeDescriptor(descriptorOf(entry))
  return entry >= 0
}

if (hasEpoll) {
  test('an idle thread that is called takes one, and goes on watching', () => {
    using child = new WatchedChild()
    const { handOff, watch, calls } = child.thread(0)
    assert.is(handOff.becomeIdle(0, 1), -1)
    assert.ok(watch.isOn, 'idle is to watch')
    child.connect()
    assert.equal(calls(), [CALLS.connection])
    const { fd, shortage, stepsBack } = handOff.takeWhenCalled(0, 1)
    assert.ok(has(fd))
    assert.equal([shortage, stepsBack], [0, false])
    assert.is(handOff.standings.idleBits, 0)
    assert.ok(watch.isOn)
    assert.equal(calls(), [])
    assert.not(child.takeSignal())
    assert.is(child.scoreboard.field(0, 'accepted'), 1)
  })

  test('one that is called for nothing stays as it is', () => {
    using child = new WatchedChild()
    const { handOff, watch } = child.thread(0)
    handOff.becomeIdle(0, 1)
    assert.equal(handOff.takeWhenCalled(0, 1), { fd: -1, shortage: 0, stepsBack: false })
    assert.ok(watch.isOn)
    assert.ok(handOff.standings.isIdle(0))
    assert.not(child.takeSignal())
  })

  test('a busy thread that is called watches no longer and calls another; done, it looks by itself', () => {
    using child = new WatchedChild()
    const { handOff, watch, calls } = child.thread(0)
    handOff.becomeIdle(0, 1)
    handOff.becomeBusy(0)
    child.connect()
    assert.equal(calls(), [CALLS.connection])
    assert.equal(handOff.takeWhenCalled(0, 1), { fd: -1, shortage: 0, stepsBack: false })
    assert.not(watch.isOn)
    assert.equal(calls(), [])
    assert.ok(child.takeSignal())
    assert.ok(has(handOff.becomeIdle(0, 1)), 'nobody has taken it')
    assert.not(watch.isOn, 'under load nothing is switched')
    assert.is(handOff.becomeIdle(0, 1), -1)
    assert.ok(watch.isOn)
  })

  test('an open thread takes when nobody idles; else it steps back, calls another, and watches again later', () => {
    using child = new WatchedChild()
    const { handOff, watch, calls } = child.thread(0)
    const other = child.thread(1)
    assert.is(handOff.becomeOpen(0), -1)
    assert.ok(watch.isOn)
    other.handOff.becomeIdle(1, 1)
    child.connect()
    assert.equal(handOff.takeWhenCalled(0, 1), { fd: -1, shortage: 0, stepsBack: true })
    assert.not(watch.isOn)
    assert.ok(child.takeSignal())
    handOff.watchAgain(0)
    assert.ok(watch.isOn)
    other.handOff.becomeBusy(1)
    assert.equal(calls(), [CALLS.connection])
    assert.ok(has(handOff.takeWhenCalled(0, 1).fd))
    assert.is(handOff.standings.openCount, 0, 'it is busy with that')
  })

  test('a thread that has something to do does not watch again', () => {
    using child = new WatchedChild()
    const { handOff, watch } = child.thread(0)
    handOff.watchAgain(0)
    assert.not(watch.isOn)
  })

  test('a thread that leaves watches no longer, and calls another', () => {
    using child = new WatchedChild()
    const { handOff, watch, calls } = child.thread(0)
    handOff.becomeIdle(0, 1)
    child.connect()
    handOff.withdraw(0)
    assert.not(watch.isOn)
    assert.equal(calls(), [])
    assert.ok(child.takeSignal())
  })

  test('one that is to be ended is neither idle nor called from then on', () => {
    using child = new WatchedChild()
    const { handOff, watch, calls } = child.thread(0)
    handOff.becomeIdle(0, 1)
    child.connect()
    child.handOff.endsThread(0)
    assert.is(child.handOff.standings.idleBits, 0)
    assert.equal(calls(), [])
    assert.ok(child.takeSignal())
    // It may still run, and be done with something.
    watch.off()
    watch.on()
    assert.not(watch.isOn)
    assert.equal(calls(), [])
    assert.ok(has(handOff.becomeIdle(0, 1)), 'it may still take one')
    assert.is(handOff.becomeIdle(0, 1), -1)
    handOff.becomeOpen(0)
    assert.is(handOff.standings.idleBits | handOff.standings.openBits, 0)
  })

  test('the watch of one that switches it just then ends a moment later', async () => {
    using child = new WatchedChild()
    const { handOff, calls } = child.thread(0)
    handOff.becomeIdle(0, 1)
    const switching = threadWord(0, ThreadWord.switching)
    Atomics.store(child.words, switching, 1)
    child.handOff.endsThread(0)
    child.connect()
    for (let turns = 0; turns < 20; turns++) await turn()
    assert.equal(calls(), [CALLS.connection], 'its numbers may be about to change')
    Atomics.store(child.words, switching, 0)
    await until(() => child.takeSignal(), 30_000, 'another one is called')
    assert.equal(calls(), [])
  })

  test('but not the watch of the next one in its place', async () => {
    using child = new WatchedChild()
    child.thread(0).handOff.becomeIdle(0, 1)
    Atomics.store(child.words, threadWord(0, ThreadWord.switching), 1)
    child.handOff.endsThread(0)
    await child.handOff.recover(control, 0)
    const next = child.thread(0)
    next.handOff.becomeIdle(0, 1)
    // Timers run in their order: this one behind the one that looks again.
    await new Promise((resolve) => setTimeout(resolve, 5))
    child.connect()
    assert.equal(next.calls(), [CALLS.connection])
  })

  test('a dead thread does not count as idle any more when another one is called for it', async () => {
    let points = 0
    for (let step = 0; ; step++) {
      using child = new WatchedChild()
      child.thread(0).handOff.becomeIdle(0, 1)
      child.connect()
      let recovered: Promise<void> | undefined
      const isReached = interruptedAt(
        step,
        () => {
          recovered = child.handOff.recover(control, 0)
        },
        () => {
          if (child.takeSignal()) assert.is(child.handOff.standings.idleBits & bit(0), 0)
        },
      )
      await recovered
      if (!isReached) {
        assert.ok(child.takeSignal())
        break
      }
      points++
    }
    assert.ok(points > 5)
  })
} else test('skipped: this system has no epoll', () => undefined)

test.run()
