/** A thread that is called for a connection that it can't take: when it keeps the call for a moment, and when it calls another. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Shedding } from '#dist/sync/shedding.js'
import { hasEpoll } from '#dist/sys/epoll.js'
import { Activity } from '#dist/worker/activity.js'
import { InFlight } from '#dist/worker/in-flight.js'
import { CALLS, WatchedChild } from '../support/watched-child.js'

/** Stands for the connection. */
const TOKEN = {}

/** Thread 0 of `child`; what it takes has no request yet. */
function begin(child: WatchedChild, served: () => void = () => undefined) {
  const { handOff, watch, calls } = child.thread(0)
  const shedding = new Shedding(handOff, undefined)
  const serve = (): void => {
    activity.connectionOpened(TOKEN, true)
    served()
  }
  const activity: Activity = new Activity(
    ...([0, 0, handOff, shedding, child.scoreboard, serve, new InFlight()] as const),
  )
  activity.start()
  return { activity, handOff, watch, calls }
}

if (hasEpoll) {
  test('one whose connection is fresh keeps a call until the next one, if nobody idles', () => {
    using child = new WatchedChild()
    const { activity, watch, calls } = begin(child)
    child.connect()
    assert.not(activity.called().isVain)
    child.connect()
    assert.equal(calls(), [CALLS.connection])
    assert.ok(activity.called().isVain)
    assert.ok(watch.isOn)
    assert.not(child.takeSignal())
    assert.equal(calls(), [CALLS.connection], 'its loop calls again at once')
    assert.ok(activity.called().isVain)
    assert.not(watch.isOn)
    assert.ok(child.takeSignal())
    activity.close()
  })

  test('of several calls that were passed on as one, the next is passed on before the first is served', () => {
    using child = new WatchedChild()
    const signalled: boolean[] = []
    const { activity } = begin(child, () => signalled.push(child.takeSignal()))
    child.connect()
    child.connect()
    assert.not(activity.called(true).isVain)
    assert.equal(signalled, [true])
    activity.close()
  })

  test('a kept call is passed on before the thread rests', async () => {
    using child = new WatchedChild()
    const { activity } = begin(child)
    child.connect()
    activity.called()
    child.connect()
    activity.called()
    activity.connectionClosed(TOKEN, 0)
    assert.not(child.takeSignal())
    await activity.rest(async () => undefined)
    assert.ok(child.takeSignal())
    activity.close()
  })

  test('it passes the call on before a handler runs', () => {
    using child = new WatchedChild()
    const { activity, watch } = begin(child)
    child.connect()
    activity.called()
    child.connect()
    activity.called()
    activity.requestStarted({})
    assert.ok(child.takeSignal())
    assert.ok(watch.isOn)
    activity.requestStarted({})
    assert.not(child.takeSignal(), 'once')
    activity.close()
  })

  test('it keeps no call while somebody idles', () => {
    for (const where of ['here', 'elsewhere'] as const) {
      using child = new WatchedChild()
      const { activity, watch } = begin(child)
      child.connect()
      activity.called()
      if (where === 'here') child.thread(1).handOff.becomeIdle(1, 1)
      else child.scoreboard.setField(1, 'idleWord', 1)
      child.connect()
      assert.ok(activity.called().isVain)
      assert.not(watch.isOn)
      assert.ok(child.takeSignal(), where)
      activity.close()
    }
  })

  test('one that runs a handler keeps no call', () => {
    using child = new WatchedChild()
    const { activity, watch } = begin(child)
    activity.requestStarted({})
    child.connect()
    assert.ok(activity.called().isVain)
    assert.not(watch.isOn)
    assert.ok(child.takeSignal())
    activity.close()
  })
} else test('skipped: this system has no epoll', () => undefined)

test.run()
