/** Goals hold for a ratio to a peer, or for a figure alone, and are unclear where the rounds don't tell. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Goal, judge } from './goals.js'
import type { Measurement } from './measure.js'

const rounds = (server: string, cpuUs: readonly number[]): Measurement[] =>
  cpuUs.map((cpuUsPerRequest, round) => ({
    ...{ server, round, cpuUsPerRequest, load: 'close', cpuClock: 'ns' as const },
    ...{ pssBytes: 0, requests: 1, failed: 0, failures: '' },
  }))
const measurements = [...rounds('pool', [110, 210, 330]), ...rounds('peer', [100, 200, 300])]
const goal: Goal = { load: 'close', figure: 'cpuUsPerRequest', bound: { atMost: 220 } }

test('a ratio is judged round by round', () => {
  const bound = { atMost: 1.2 }
  const [verdict] = judge(measurements, ['pool'], [{ ...goal, peer: 'peer', bound }])
  assert.is(verdict?.value.median, 1.1)
  assert.is(verdict?.met, 'yes')
  const strict = { ...goal, peer: 'peer', bound: { atMost: 1.01 } }
  assert.is(judge(measurements, ['pool'], [strict])[0]?.met, 'no')
})

test('without a peer the figure itself is judged', () => {
  const [verdict] = judge(measurements, ['pool'], [goal])
  assert.is(verdict?.value.median, 210)
  assert.is(verdict?.met, 'unclear', '330 is above')
})

test('what was not measured has no verdict', () => {
  assert.equal(judge(measurements, ['another'], [goal]), [])
  assert.equal(judge(measurements, ['pool'], [{ ...goal, peer: 'another' }]), [])
  assert.equal(judge(measurements, ['pool'], [{ ...goal, figure: 'p99OfLimit' }]), [])
})

test.run()
