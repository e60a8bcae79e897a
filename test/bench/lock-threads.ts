import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { Mutex } from '#dist/sync/mutex.js'
import { countOf, type LockThread, phase } from './fixtures/lock-thread.js'
import { figure, median, nsPerCall, type Section } from './lock-figures.js'
import type { Cells } from './report/table.js'

const threadFile = new URL('./fixtures/lock-thread.js', import.meta.url)

/** What `async-mutex` does at its core: a chain of promises. It excludes the tasks of one thread only. */
class PromiseMutex {
  #last: Promise<void> = Promise.resolve()

  async acquire(): Promise<() => void> {
    const before = this.#last
    let release = (): void => {}
    this.#last = new Promise((resolve) => {
      release = resolve
    })
    await before
    return release
  }
}

function start(task: LockThread['task'], memory: SharedArrayBuffer, self: number): Worker {
  return new Worker(threadFile, { workerData: { task, memory, self } satisfies LockThread })
}

/** The in-process mutex beside other ways to take turns in Node. */
export async function measureThreads(isQuick: boolean): Promise<Section> {
  const rounds = isQuick ? 5 : 15
  const contended: { threads: number; perSecond: number; fairness: number }[] = []
  const mutexNs = uncontended(rounds)
  const floorNs = atomicsAlone(rounds)
  const promiseNs = await promiseMutex(isQuick ? 50_000 : 200_000)
  const portNs = await messagePort(isQuick ? 3_000 : 20_000)
  for (const threads of [2, 4, 8]) {
    contended.push({ threads, ...(await contend(threads, isQuick ? 500 : 2_000)) })
  }
  const row = (name: string, ns: number, fairness = ''): Cells => [
    name,
    figure(ns),
    figure(1e9 / ns),
    figure(portNs / ns),
    figure(promiseNs / ns),
    fairness,
  ]
  return {
    title: 'lock + unlock between the threads of a process',
    rows: [
      ['', 'ns', 'per second', 'x port', 'x promises', 'fairness'],
      row('compareExchange twice (floor)', floorNs),
      row('mutex, uncontended', mutexNs),
      ...contended.map(({ threads, perSecond, fairness }) =>
        row(`mutex, ${threads} threads at once`, 1e9 / perSecond, figure(fairness)),
      ),
      row('promise mutex, one thread', promiseNs),
      row('MessagePort round trip', portNs),
    ],
    notes: [
      'x port, x promises: how many times as fast as a MessagePort round trip (the least that asking another thread',
      'for a lock can cost) and as a promise mutex (own stand-in for async-mutex; it excludes tasks, not threads).',
      'fairness: locks of the least lucky thread / the luckiest. A thread that runs takes the lock again and again before',
      'one that it has woken gets there (the lock goes to whoever comes): bursts, not turns, hence the rate.',
    ],
    goals: [{ name: 'mutex uncontended', value: mutexNs, most: 60, unit: 'ns' }],
  }
}

function uncontended(rounds: number): number {
  const mutex = new Mutex(new Int32Array(new SharedArrayBuffer(64)), 0)
  return nsPerCall(
    (times) => {
      for (let n = 0; n < times; n++) {
        mutex.lock(1)
        mutex.unlock(1)
      }
    },
    1_000_000,
    rounds,
  )
}

function atomicsAlone(rounds: number): number {
  const words = new Int32Array(new SharedArrayBuffer(64))
  return nsPerCall(
    (times) => {
      for (let n = 0; n < times; n++) {
        Atomics.compareExchange(words, 0, 0, 1)
        Atomics.compareExchange(words, 0, 1, 0)
      }
    },
    1_000_000,
    rounds,
  )
}

async function promiseMutex(times: number): Promise<number> {
  const mutex = new PromiseMutex()
  const figures: number[] = []
  for (let round = -2; round < 5; round++) {
    const startedAt = process.hrtime.bigint()
    for (let n = 0; n < times; n++) (await mutex.acquire())()
    if (round >= 0) figures.push(Number(process.hrtime.bigint() - startedAt) / times)
  }
  return median(figures)
}

async function messagePort(times: number): Promise<number> {
  const worker = start('echo', new SharedArrayBuffer(64), 1)
  await once(worker, 'online')
  const figures: number[] = []
  for (let round = -1; round < 5; round++) {
    const startedAt = process.hrtime.bigint()
    for (let n = 0; n < times; n++) {
      const answer = once(worker, 'message')
      worker.postMessage(n)
      await answer
    }
    if (round >= 0) figures.push(Number(process.hrtime.bigint() - startedAt) / times)
  }
  await worker.terminate()
  return median(figures)
}

async function contend(
  threads: number,
  ms: number,
): Promise<{ perSecond: number; fairness: number }> {
  const memory = new SharedArrayBuffer((16 + (threads + 1) * 16) * 4)
  const words = new Int32Array(memory)
  const workers = Array.from({ length: threads }, (_, n) => start('contend', memory, n + 1))
  const ended = workers.map((worker) => once(worker, 'exit'))
  await Promise.all(workers.map((worker) => once(worker, 'online')))
  await sleep(100)
  Atomics.store(words, phase, 1)
  Atomics.notify(words, phase)
  const startedAt = performance.now()
  await sleep(ms)
  Atomics.store(words, phase, 2)
  await Promise.all(ended)
  const seconds = (performance.now() - startedAt) / 1000
  const counts = workers.map((_, n) => words[countOf(n + 1)] ?? 0)
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total !== words[1]) throw new Error(`${total} locks, but ${words[1]} were counted inside`)
  return { perSecond: total / seconds, fairness: Math.min(...counts) / Math.max(...counts) }
}
