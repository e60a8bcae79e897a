import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type RestSituation, shouldRest } from '#dist/child/decide-rest.js'

const loaded: RestSituation = {
  isIdle: true,
  connections: 0,
  requests: 0,
  quietLooks: 1,
  restedAt: undefined,
  lastRest: undefined,
}
const served: RestSituation = { ...loaded, requests: 1500, quietLooks: 5, restedAt: 1000 }
/** It had rested for a minute when the next load came. */
const bursts: RestSituation = { ...served, lastRest: { afterLooks: 5, looksAgo: 60 } }

const table: readonly [string, RestSituation, boolean][] = [
  ['soon after it was loaded', loaded, true],
  [
    'not as soon if its first load came at once',
    { ...loaded, requests: 500, quietLooks: 4 },
    false,
  ],
  ['not at the first look', { ...loaded, quietLooks: 0 }, false],
  ['not while it works', { ...loaded, isIdle: false }, false],
  ['not with a connection, whose next request would wait', { ...loaded, connections: 1 }, false],
  ['once', { ...loaded, quietLooks: 100, restedAt: 0 }, false],
  ['again after a load', served, true],
  ['not if the load may go on', { ...served, quietLooks: 4 }, false],
  ['not for a few requests', { ...served, requests: 1499 }, false],
  ['not as soon again if the next load came soon', { ...bursts, quietLooks: 9 }, false],
  ['later then', { ...bursts, quietLooks: 10 }, true],
  [
    'still later the third time',
    { ...bursts, quietLooks: 19, lastRest: { afterLooks: 10, looksAgo: 60 } },
    false,
  ],
  [
    'as soon again after a long rest',
    { ...bursts, lastRest: { afterLooks: 5, looksAgo: 300 } },
    true,
  ],
]
for (const [name, situation, expected] of table)
  test(name, () => assert.is(shouldRest(situation), expected))

test.run()
