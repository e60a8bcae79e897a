/** When a thread parks its idle connections: from what its requests cost those behind them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  addSpan,
  type Blocking,
  type BlockingSpan,
  noBlocking,
  shouldPark,
} from '#dist/worker/decide-parking.js'

const SPAN_US = 50_000

interface Work {
  /** Of a request. */
  readonly us: number
  /** Share of the time. */
  readonly load: number
}

/** A span of requests that all take the same; from 2 ms on each is measured by itself. */
function spanOf({ us, load }: Work): BlockingSpan {
  const requests = (SPAN_US * load) / us
  const isLong = us >= 2000
  return {
    spanUs: SPAN_US,
    requests,
    longUs: isLong ? requests * us : 0,
    longSquaresUs2: isLong ? requests * us ** 2 : 0,
    longestUs: isLong ? us : 0,
    activeUs: requests * us,
    delayUs: 0,
  }
}

/** Whether the thread parks after some seconds of this work. */
function settles(work: Work, wasParking = false): boolean {
  let blocking: Blocking = noBlocking
  let isParking = wasParking
  for (let spans = 0; spans < 100; spans++) {
    blocking = addSpan(blocking, spanOf(work))
    isParking = shouldPark(isParking, blocking)
  }
  return isParking
}

test('nothing measured, nothing parked', () => {
  assert.not(shouldPark(false, noBlocking))
  assert.not(shouldPark(true, noBlocking))
})

test('short requests stay pinned at any load, also those that parking has made longer', () => {
  for (const us of [20, 50, 100]) assert.not(settles({ us, load: 1 }))
  assert.not(settles({ us: 120, load: 1 }, true))
})

test('long requests are parked from a moderate load on', () => {
  assert.ok(settles({ us: 20_000, load: 0.1 }))
  assert.ok(settles({ us: 5000, load: 0.5 }))
  assert.not(settles({ us: 1000, load: 0.5 }))
})

test('what a thread waited for a core is no reason to park', () => {
  // Hello, on a machine with more threads than cores: time slices of others, in handlers and around them.
  const hello = {
    ...spanOf({ us: 300, load: 0.9 }),
    longUs: 27_000,
    longSquaresUs2: 4 * 7000 ** 2,
    longestUs: 8000,
    delayUs: 30_000,
  }
  let blocking: Blocking = noBlocking
  for (let spans = 0; spans < 20; spans++) {
    blocking = addSpan(blocking, hello)
    assert.not(shouldPark(false, blocking))
  }
  // Also if it was longer than all that the loop did: a thread waits for a core as well when an event has come.
  assert.not(shouldPark(false, addSpan(noBlocking, { ...hello, delayUs: 60_000 })))
  // But with half of a core each, handlers of 10 ms of CPU still block.
  const busy = { ...spanOf({ us: 20_000, load: 1 }), delayUs: SPAN_US / 2 }
  for (let spans = 0; spans < 100; spans++) blocking = addSpan(blocking, busy)
  assert.ok(shouldPark(false, blocking))
})

test('between the thresholds it stays as it was', () => {
  const work = { us: 1000, load: 0.6 }
  assert.not(settles(work, false))
  assert.ok(settles(work, true))
})

test('two long requests among short ones are enough, if they are not lost among too many; one is not', () => {
  const short = spanOf({ us: 1000, load: 0.5 })
  const long = { longUs: 100_000, longSquaresUs2: 100_000 ** 2, longestUs: 100_000 }
  const span = {
    ...short,
    spanUs: SPAN_US + long.longUs,
    activeUs: short.activeUs + long.longUs,
    ...long,
  }
  const once = addSpan(noBlocking, span)
  assert.not(shouldPark(false, once))
  assert.ok(shouldPark(false, addSpan(once, span)))
  // The same beside so many tiny ones that parking all of them would cost more than it saves.
  const hellos = spanOf({ us: 20, load: 1 })
  const rare = addSpan(noBlocking, {
    ...hellos,
    spanUs: SPAN_US + long.longUs,
    activeUs: hellos.activeUs + long.longUs,
    ...long,
  })
  assert.not(shouldPark(false, rare))
})

test('after a long pause the next rush need not be learned anew', () => {
  let blocking: Blocking = noBlocking
  for (let spans = 0; spans < 100; spans++)
    blocking = addSpan(blocking, spanOf({ us: 20_000, load: 0.5 }))
  const pause = { ...spanOf({ us: 2000, load: 0.04 }), spanUs: 60_000_000 }
  blocking = addSpan(blocking, pause)
  assert.ok(shouldPark(true, blocking))
})

test('a thread that has parked gives it up within two spans of short requests', () => {
  let blocking: Blocking = noBlocking
  for (let spans = 0; spans < 100; spans++)
    blocking = addSpan(blocking, spanOf({ us: 20_000, load: 0.7 }))
  // Parking makes them longer.
  const short = spanOf({ us: 100, load: 1 })
  for (let spans = 0; spans < 2; spans++) blocking = addSpan(blocking, short)
  assert.not(shouldPark(true, blocking))
})

test('the past fades', () => {
  let blocking = addSpan(noBlocking, spanOf({ us: 20_000, load: 1 }))
  assert.ok(shouldPark(true, blocking))
  for (let spans = 0; spans < 200; spans++)
    blocking = addSpan(blocking, spanOf({ us: 20, load: 1 }))
  assert.not(shouldPark(true, blocking))
})

test.run()
