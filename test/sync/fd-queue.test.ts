/** The fd queue: order, bounds, and where each descriptor is after a death at any store. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  createChildMemory,
  LockOwner,
  RING_SIZE,
  ThreadWord,
  threadWord,
  Word,
} from '#dist/sync/child-memory.js'
import { FdQueue } from '#dist/sync/fd-queue.js'
import { MAX_THREADS } from '#dist/sync/limits.js'
import { Mutex } from '#dist/sync/mutex.js'
import { diesAt } from '../support/death.js'

const WORKER = 3
const { listener, control } = LockOwner

function queue(...descriptors: number[]) {
  const words = new Int32Array(createChildMemory())
  const fds = new FdQueue(words)
  for (const fd of descriptors) assert.ok(fds.push(listener, fd))
  return { words, fds, mutex: new Mutex(words, Word.queueMutex) }
}

/** What is queued, by the words. */
function queued(words: Int32Array): number[] {
  const found: number[] = []
  for (let at = words[Word.queueHead] ?? 0; at !== words[Word.queueTail]; at = (at + 1) | 0) {
    found.push(words[Word.ring + (at & (RING_SIZE - 1))] ?? -1)
  }
  return found
}

const inHand = (words: Int32Array, thread: number) =>
  (words[threadWord(thread, ThreadWord.inHand)] ?? 0) - 1

test('descriptors leave in the order in which they came', () => {
  const { fds } = queue(10, 0, 12)
  assert.is(fds.length, 3)
  assert.equal([fds.take(0), fds.take(1), fds.take(0), fds.take(1)], [10, 0, 12, -1])
  assert.is(fds.length, 0)
})

test('a full ring takes nothing more, and again when one has left', () => {
  const { fds, words } = queue(...Array.from({ length: RING_SIZE }, (_, n) => 100 + n))
  assert.not(fds.push(listener, 999))
  assert.not(fds.push(LockOwner.worker(WORKER), 998))
  assert.is(inHand(words, WORKER), 998, 'what was refused is still in hand')
  assert.is(fds.length, RING_SIZE)
  assert.is(fds.take(0), 100)
  assert.ok(fds.push(listener, 999))
  assert.is(queued(words).at(-1), 999)
})

test('positions may pass the largest number of a word', () => {
  const { fds, words } = queue()
  for (const start of [2 ** 31 - 3, -3]) {
    words[Word.queueHead] = start
    words[Word.queueTail] = start
    for (let fd = 0; fd < RING_SIZE; fd++) assert.ok(fds.push(listener, fd))
    assert.not(fds.push(listener, RING_SIZE))
    for (let fd = 0; fd < RING_SIZE; fd++) assert.is(fds.take(0), fd)
    assert.is(fds.take(0), -1)
  }
})

test('a worker thread has a descriptor in hand while it may be its own, other threads never', () => {
  const { fds, words } = queue(10)
  const before = words.slice()
  assert.is(fds.take(WORKER), 10)
  assert.is(inHand(words, WORKER), 10)
  fds.unhand(WORKER)
  assert.is(inHand(words, WORKER), -1)
  assert.ok(fds.push(LockOwner.worker(WORKER), 11))
  assert.is(inHand(words, WORKER), -1, 'the queue has it')
  for (const self of [listener, control]) fds.push(self, 12)
  const changed = [...words.keys()].filter((index) => words[index] !== before[index])
  const ringWords = [Word.queueHead, Word.queueTail]
  for (const index of changed) {
    const isOfRing = index >= Word.ring && index < Word.queuedAt + RING_SIZE
    assert.ok(isOfRing || ringWords.includes(index as 1), `word ${index}`)
  }
})

test('the last worker thread has its own words, too', () => {
  const { fds, words } = queue(10)
  const last = MAX_THREADS - 1
  assert.is(fds.take(last), 10)
  assert.is(inHand(words, last), 10)
  assert.is(fds.recover(last), 10)
})

test('pushAsync queues in order, also while the mutex is held', async () => {
  const { fds, words, mutex } = queue(10)
  mutex.lock(LockOwner.worker(WORKER))
  const pushed = [11, 12, 13].map((fd) => fds.pushAsync(control, fd))
  await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(queued(words), [10])
  mutex.unlock(LockOwner.worker(WORKER))
  assert.equal(await Promise.all(pushed), [true, true, true])
  assert.equal(queued(words), [10, 11, 12, 13])
  assert.not(mutex.isHeldBy(control))
})

test('pushAsync tells when the ring is full', async () => {
  const { fds } = queue(...Array.from({ length: RING_SIZE }, (_, n) => 100 + n))
  assert.not(await fds.pushAsync(control, 1))
  fds.take(0)
  assert.ok(await fds.pushAsync(control, 1))
})

test('two threads die together, one with the mutex: what the other one had in hand is queued again', async () => {
  const { fds, words, mutex } = queue(10)
  const [first, second] = [4, 5]
  assert.is(fds.take(first), 10)
  mutex.lock(LockOwner.worker(second))
  // The main thread hears of the first death, and only in a later turn of its event loop of the second.
  const fd = fds.recover(first)
  assert.is(fd, 10)
  const pushed = fds.pushAsync(control, fd)
  await new Promise((resolve) => setTimeout(resolve, 5))
  assert.is(fds.recover(second), -1)
  assert.ok(await pushed)
  assert.equal(queued(words), [10])
})

test('a thread that dies while it waits for the mutex with a new descriptor leaves it in hand', () => {
  const { fds, words, mutex } = queue(10)
  mutex.lock(listener)
  let step = 0
  // It dies asleep: the sleep is the third operation of `push` and later.
  while (inHand(words, WORKER) < 0) {
    assert.ok(diesAt(step++, () => fds.push(LockOwner.worker(WORKER), 11)))
  }
  assert.is(fds.recover(WORKER), 11)
  mutex.unlock(listener)
  assert.equal(queued(words), [10])
})

/** The states that a dead thread may leave, each built word by word: `hand` and `lock` are its own. */
const states: readonly {
  readonly name: string
  readonly ring: readonly number[]
  readonly hand: number
  readonly lock: boolean
  readonly returned: number
  readonly left: readonly number[]
}[] = [
  { name: 'nothing begun', ring: [7, 8], hand: -1, lock: false, returned: -1, left: [7, 8] },
  { name: 'take: locked', ring: [7, 8], hand: -1, lock: true, returned: -1, left: [7, 8] },
  { name: 'take: noted', ring: [7, 8], hand: 7, lock: true, returned: -1, left: [7, 8] },
  { name: 'take: head moved', ring: [8], hand: 7, lock: true, returned: 7, left: [8] },
  { name: 'take: last one, head moved', ring: [], hand: 7, lock: true, returned: 7, left: [] },
  { name: 'take: unlocked', ring: [8], hand: 7, lock: false, returned: 7, left: [8] },
  { name: 'take: wrapped', ring: [8], hand: -1, lock: false, returned: -1, left: [8] },
  { name: 'push: noted', ring: [7], hand: 8, lock: false, returned: 8, left: [7] },
  { name: 'push: locked', ring: [7], hand: 8, lock: true, returned: 8, left: [7] },
  { name: 'push: tail moved', ring: [7, 8], hand: 8, lock: true, returned: -1, left: [7, 8] },
  { name: 'push: note erased', ring: [7, 8], hand: -1, lock: true, returned: -1, left: [7, 8] },
  { name: 'descriptor 0 noted', ring: [0], hand: 0, lock: true, returned: -1, left: [0] },
  { name: 'descriptor 0 taken', ring: [], hand: 0, lock: true, returned: 0, left: [] },
]

for (const { name, ring, hand, lock, returned, left } of states) {
  test(`recover after a death at "${name}"`, () => {
    const { fds, words, mutex } = queue(...ring)
    // What an entry held before the tail showed it, or after the head passed it, must not matter.
    words[Word.ring + ring.length] = hand
    words[Word.ring + RING_SIZE - 1] = hand
    words[threadWord(WORKER, ThreadWord.inHand)] = hand + 1
    if (lock) mutex.lock(LockOwner.worker(WORKER))
    assert.is(fds.recover(WORKER), returned)
    assert.equal(queued(words), left)
    assert.is(inHand(words, WORKER), -1)
    assert.ok(mutex.tryLock(control), 'the mutex is free')
    mutex.unlock(control)
    assert.is(fds.recover(WORKER), -1, 'once is enough')
  })
}

/** Lives of a worker thread; `fresh` has been accepted, 7 and 8 are queued. */
const fresh = 20
const lives: readonly { readonly name: string; readonly live: (fds: FdQueue) => void }[] = [
  { name: 'take', live: (fds) => void fds.take(WORKER) },
  { name: 'push', live: (fds) => void fds.push(LockOwner.worker(WORKER), fresh) },
  {
    name: 'take, take',
    live: (fds) => {
      fds.take(WORKER)
      fds.unhand(WORKER)
      fds.take(WORKER)
    },
  },
  {
    name: 'push, take',
    live: (fds) => {
      fds.push(LockOwner.worker(WORKER), fresh)
      fds.take(WORKER)
    },
  },
]

for (const { name, live } of lives) {
  test(`death at every point of "${name}" neither loses nor doubles a descriptor`, () => {
    let step = 0
    for (let isDead = true; isDead; step++) {
      const { fds, words, mutex } = queue(7, 8)
      const handed: number[] = []
      const { unhand } = fds
      // What a thread unhands belongs to its event loop, unless it dies before that is written down.
      fds.unhand = (thread) => {
        const fd = inHand(words, thread)
        unhand.call(fds, thread)
        handed.push(fd)
      }
      isDead = diesAt(step, () => live(fds))
      const noted = inHand(words, WORKER)
      const left = queued(words)
      const returned = fds.recover(WORKER)
      // The one gap there has to be: between `unhand` and the wrapping (see `unhand`).
      const all = [...left, ...handed, ...(returned < 0 ? [] : [returned])].sort((a, b) => a - b)
      const isBegun = name.startsWith('push') && !(step === 0 && isDead)
      const expected = isBegun ? [7, 8, fresh] : [7, 8]
      const lost = expected.filter((fd) => !all.includes(fd))
      const context = `death point ${step}: ${left}; noted ${noted}, handed ${handed}, returned ${returned}`
      const isInGap = name === 'take, take' && lost.length === 1 && lost[0] === 7 && noted < 0
      if (!isInGap) assert.equal(all, expected, context)
      assert.ok(mutex.tryLock(control), context)
    }
    assert.ok(step > 10, `${step} death points`)
  })
}

test.run()
