import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type RestSituation, shouldRest } from '#dist/child/decide-rest.js'

const loaded: RestSituation = {
  isIdle: true,
  connections: 0,
  requests: 0,
  quietLooks: 1,
  restedAt: undefined,
}
const served: RestSituation = { ...loaded, requests: 1500, quietLooks: 5, restedAt: 1000 }

const table: readonly [string, RestSituation, boolean][] = [
  ['soon after it was loaded', loaded, true],
  ['not at the first look', { ...loaded, quietLooks: 0 }, false],
  ['not while it works', { ...loaded, isIdle: false }, false],
  ['not with a connection, whose next request would wait', { ...loaded, connections: 1 }, false],
  ['once', { ...loaded, quietLooks: 100, restedAt: 0 }, false],
  ['again after a load', served, true],
  ['not if the load may go on', { ...served, quietLooks: 4 }, false],
  ['not for a few requests', { ...served, requests: 1499 }, false],
]
for (const [name, situation, expected] of table)
  test(name, () => assert.is(shouldRest(situation), expected))

test.run()
