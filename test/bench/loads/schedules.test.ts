/** The generator's schedules have the distributions that they are named for. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Random } from '../../support/random.js'
import { bursts, poisson } from './arrivals.js'
import { bimodal, fixed, logNormal, type Service } from './services.js'

const PER_SECOND = 200
const SECONDS = 500
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length
const isNear = (actual: number, expected: number, share: number): void =>
  assert.ok(Math.abs(actual / expected - 1) < share, `${actual} is not near ${expected}`)
const gaps = (atMs: readonly number[]): number[] => atMs.map((ms, n) => ms - (atMs[n - 1] ?? 0))

test('Poisson: the rate, and gaps that are exponential', () => {
  const all = gaps(poisson(new Random(1), PER_SECOND, SECONDS))
  isNear(all.length, PER_SECOND * SECONDS, 0.02)
  const meanMs = mean(all)
  // Mean and standard deviation are equal, and the share above the mean is 1/e.
  isNear(Math.sqrt(mean(all.map((ms) => (ms - meanMs) ** 2))), meanMs, 0.02)
  isNear(all.filter((ms) => ms > meanMs).length / all.length, 1 / Math.E, 0.02)
})

test('Poisson: one seed, one schedule, in order and within the time', () => {
  const one = poisson(new Random(7), PER_SECOND, 1)
  assert.equal(one, poisson(new Random(7), PER_SECOND, 1))
  assert.not.equal(one, poisson(new Random(8), PER_SECOND, 1))
  assert.ok(gaps(one).every((ms) => ms >= 0) && (one.at(-1) ?? 0) < 1000)
})

test('bursts: so many at once, at the same rate', () => {
  const all = bursts(new Random(1), PER_SECOND, SECONDS, 10)
  isNear(all.length, PER_SECOND * SECONDS, 0.05)
  assert.is(new Set(all).size, all.length / 10)
})

const drawn = (service: Service): number[] => {
  const random = new Random(1)
  return Array.from({ length: 100_000 }, () => Number(service.path(random).split('/').at(-1)))
}

test('services take as long on average as they say', () => {
  for (const service of [fixed(20), bimodal, logNormal(10)]) {
    isNear(mean(drawn(service)), service.meanMs, 0.03)
  }
})

test('bimodal: one in ten is long', () => {
  const all = drawn(bimodal)
  isNear(all.filter((ms) => ms === 100).length / all.length, 0.1, 0.05)
})

test('log-normal: the logarithms are normal, sigma 1', () => {
  const logs = drawn(logNormal(10)).map(Math.log)
  const middle = mean(logs)
  isNear(Math.sqrt(mean(logs.map((x) => (x - middle) ** 2))), 1, 0.03)
  isNear(Math.exp(middle), 10 * Math.exp(-1 / 2), 0.03)
})

test.run()
