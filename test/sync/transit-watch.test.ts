import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Transfer } from '#dist/sync/transfer.js'
import { TransitWatch } from '#dist/sync/transit-watch.js'

const PATIENCE_MS = 2000
const FIRST_MS = 5000
const LOOK_MS = 100

/** Looks for so long, with what is put in and taken before each look; how long it took until it was stuck, if it was. */
function stuckAfter(
  forMs: number,
  traffic: (atMs: number) => { readonly put?: number; readonly take?: number },
  mostMs = 10_000,
): number | undefined {
  let sent = 0
  let waiting = 0
  const transfer = {
    get sent() {
      return sent
    },
    get waiting() {
      return waiting
    },
  } as Transfer
  const watch = new TransitWatch(transfer, mostMs)
  for (let now = 0; now < forMs; now += LOOK_MS) {
    const { put = 0, take = 0 } = traffic(now)
    sent = (sent + put) | 0
    waiting += put - take
    if (watch.isStuck(now)) return now
  }
  return undefined
}

test('nothing on its way is never stuck', () => {
  assert.is(
    stuckAfter(10_000, () => ({})),
    undefined,
  )
})

test('what nobody takes is, after its time', () => {
  assert.is(
    stuckAfter(10_000, (at) => (at === 500 ? { put: 10 } : {})),
    500 + FIRST_MS,
  )
  assert.is(
    stuckAfter(10_000, (at) => (at === 500 ? { put: 10 } : {}), 1000),
    1500,
  )
})

test('full all the time, it is not, as long as all get through', () => {
  assert.is(
    stuckAfter(60_000, (at) => (at === 0 ? { put: 80 } : { put: 10, take: 10 })),
    undefined,
  )
})

test('a few that get through now and then are not enough for the others', () => {
  const trickle = (at: number): { put: number; take: number } =>
    at === 0 ? { put: 80, take: 0 } : { put: 1, take: 1 }
  assert.is(stuckAfter(60_000, trickle), PATIENCE_MS)
})

test.run()
