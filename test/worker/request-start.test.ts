import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sinceRequestStartMs } from '#dist/worker/request-start.js'

const NOW = 1_764_250_000_000

function waited(value: string | undefined, name = 'x-request-start'): number | undefined {
  const ms = sinceRequestStartMs(value === undefined ? {} : { [name]: value }, NOW)
  return ms === undefined ? undefined : Math.round(ms)
}

test('seconds, milliseconds and microseconds are told apart by magnitude', () => {
  assert.is(waited('t=1764249999.750'), 250)
  assert.is(waited('1764249999.750'), 250)
  assert.is(waited('t=1764249999750'), 250)
  assert.is(waited('1764249999750'), 250)
  assert.is(waited('t=1764249999750000'), 250)
  assert.is(waited('1764249999750123'), 250)
})

test('X-Queue-Start is as good, and of several proxies the first counts', () => {
  assert.is(waited('t=1764249999750', 'x-queue-start'), 250)
  assert.is(waited('t=1764249999500, t=1764249999750'), 500)
})

test('the future, hours ago, nonsense and nothing are ignored', () => {
  for (const value of [
    't=1764250000001',
    '1764240000000',
    't=',
    'soon',
    '',
    '-1',
    '1e9',
    undefined,
  ])
    assert.is(waited(value), undefined, String(value))
})

test.run()
