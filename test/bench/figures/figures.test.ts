/** The figures against cases that can be worked out by hand, and the limit against queueing theory. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Random } from '../../support/random.js'
import type { Exchange } from '../client/order.js'
import { quantile } from '../statistics.js'
import { evenness } from './evenness.js'
import { latencyFigures } from './latency.js'
import { replay } from './replay.js'
import { waitedBesideIdle } from './waited-beside-idle.js'

const job = (arrivedMs: number, serviceMs: number) => ({ arrivedMs, serviceMs })
const serving = (thread: string, arrivedMs: number, startedMs: number, endedMs: number) => ({
  thread,
  arrivedMs,
  startedMs,
  endedMs,
})

/** Poisson arrivals and exponential service: what the textbooks have formulas for. */
function markovian(perMs: number, meanMs: number): { arrivedMs: number; serviceMs: number }[] {
  const random = new Random(1)
  let atMs = 0
  return Array.from({ length: 200_000 }, () => {
    atMs += random.exponential(1 / perMs)
    return job(atMs, random.exponential(meanMs))
  })
}

const isNear = (actual: number, expected: number, share: number): void =>
  assert.ok(Math.abs(actual / expected - 1) < share, `${actual} is not near ${expected}`)

test('one queue: whoever comes first is served by whoever is free first', () => {
  const jobs = [job(0, 10), job(1, 10), job(2, 10), job(30, 10)]
  assert.equal(replay(jobs, 1), [10, 19, 28, 10])
  assert.equal(replay(jobs, 2), [10, 10, 18, 10])
  assert.equal(replay(jobs, 3), [10, 10, 10, 10])
})

test('one queue: jobs count in the order in which they arrived', () => {
  assert.equal(replay([job(5, 10), job(0, 10)], 1), [10, 15])
})

test('one queue: M/M/1 has the response times of the formula', () => {
  const responsesMs = replay(markovian(0.65, 1), 1)
  const rate = 1 - 0.65
  isNear(quantile(responsesMs, 0.5), Math.log(2) / rate, 0.05)
  isNear(quantile(responsesMs, 0.99), Math.log(100) / rate, 0.1)
})

test('one queue: M/M/4 has the mean waiting time of Erlang C', () => {
  const offered = 4 * 0.65
  const jobs = markovian(offered, 1)
  const waitsMs = replay(jobs, 4).map((ms, n) => ms - (jobs[n]?.serviceMs ?? 0))
  const term = (n: number): number => (n === 0 ? 1 : (term(n - 1) * offered) / n)
  const queueing = term(4) / (1 - offered / 4)
  const share = queueing / (term(0) + term(1) + term(2) + term(3) + queueing)
  isNear(waitsMs.reduce((sum, ms) => sum + ms, 0) / waitsMs.length, share / (4 - offered), 0.05)
})

test('beside idle: nobody waits when both threads are busy', () => {
  const servings = [serving('a', 0, 0, 50), serving('b', 0, 0, 50), serving('a', 10, 50, 60)]
  assert.is(waitedBesideIdle(servings, 2), 0)
})

test('beside idle: one of three waits for a while after the other thread is done', () => {
  const servings = [serving('a', 0, 0, 50), serving('b', 0, 0, 30), serving('a', 10, 50, 60)]
  assert.is(waitedBesideIdle(servings, 2), 1 / 3)
})

test('beside idle: a thread that served nothing idles all the time, and five milliseconds are excused', () => {
  assert.is(waitedBesideIdle([serving('a', 0, 0, 50), serving('a', 44, 50, 60)], 2), 1 / 2)
  assert.is(waitedBesideIdle([serving('a', 0, 0, 50), serving('a', 46, 50, 60)], 2), 0)
})

test('evenness: even, all in one, and a thread more than there should be', () => {
  assert.equal(evenness(['a', 'b', 'a', 'b'], 2), { variation: 0, jain: 1 })
  assert.equal(evenness(['a', 'a', 'a', 'a'], 4), { variation: Math.sqrt(3), jain: 1 / 4 })
  assert.is(evenness(['a', 'b', 'c'], 2).jain, 1)
})

const exchange = (arrivedMs: number, endedMs: number, observed = true): Exchange => ({
  observed,
  arrivedMs,
  answeredMs: endedMs + 1,
  served: { thread: 'a', startedMs: endedMs - 10, endedMs },
})

test('latency: only observed requests are looked at, but all of them stand in the queue', () => {
  const judgement = { threads: 1, takesTime: true, usesCores: false }
  const figures = latencyFigures([exchange(0, 10, false), exchange(0, 20)], judgement)
  assert.is(figures.p50Ms, 21)
  assert.is(figures.limitP99Ms, 20)
  assert.is(figures.p99OfLimit, 21 / 20)
})

test('latency: what takes no time has no limit, and what uses cores waits for them', () => {
  const judgement = { threads: 1, takesTime: false, usesCores: true }
  const figures = latencyFigures([exchange(0, 10)], judgement)
  assert.ok(Number.isNaN(figures.p99OfLimit))
  assert.ok(Number.isNaN(figures.waitedBesideIdle))
})

test.run()
