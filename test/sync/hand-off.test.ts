/** The hand-off between the listener thread and the worker threads, one call at a time and interleaved. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { AcceptTurn, TakeEntry } from '#dist/sync/acceptor.js'
import { bit } from '#dist/sync/bits.js'
import {
  createChildMemory,
  LockOwner,
  PARKER_THREAD,
  RING_SIZE,
  ThreadWord,
  threadWord,
  Word,
} from '#dist/sync/child-memory.js'
import { HandOff } from '#dist/sync/hand-off.js'
import type { Mechanism } from '#dist/sync/mechanism.js'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'
import { diesAt, interruptedAt } from '../support/death.js'
import { within } from '../support/until.js'

const SLOT = 1
const { listener, control } = LockOwner

/** Says what it was asked, and gives what waits in `backlog`. */
class FakeMechanism implements Mechanism {
  listenerWakes = 0
  readonly recovered: number[] = []
  readonly rooms: number[] = []
  readonly backlog: number[] = []
  readonly #words: Int32Array

  constructor(words: Int32Array) {
    this.#words = words
  }

  wakeListener(): void {
    this.listenerWakes++
    Atomics.add(this.#words, Word.capacity, 1)
  }

  get isSelfServed(): boolean {
    return Atomics.load(this.#words, Word.listenerAsleep) === 1
  }

  selfServe(_self: number, room: number, take: TakeEntry): AcceptTurn {
    this.rooms.push(room)
    const accepted = this.backlog.splice(0, room)
    for (const fd of accepted) take(fd, true)
    return { accepted: accepted.length, broken: 0, shortage: 0 }
  }

  recover(dead: number): void {
    this.recovered.push(dead)
  }
}

function child() {
  const memory = createChildMemory()
  const words = new Int32Array(memory)
  const scoreboard = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
  scoreboard.format()
  for (const slot of [0, SLOT, 2]) {
    scoreboard.openProcess(slot)
    scoreboard.setField(slot, 'serving', 1)
  }
  const mechanism = new FakeMechanism(words)
  const handOff = new HandOff(memory, scoreboard, SLOT, mechanism)
  return { words, scoreboard, mechanism, handOff }
}

const wakes = (words: Int32Array, thread: number) => words[threadWord(thread, ThreadWord.wake)] ?? 0
const openBits = (words: Int32Array) => words[Word.openBits] ?? 0

test('an idle thread has a bit that other processes see; a busy one has none', () => {
  const { handOff, scoreboard } = child()
  assert.is(handOff.becomeIdle(3, 1), -1)
  assert.is(handOff.standings.idleBits, bit(3))
  assert.is(scoreboard.idleElsewhere(0), 1)
  handOff.becomeBusy(3)
  assert.is(handOff.standings.idleBits, 0)
})

test('a thread that becomes idle takes what is queued, and is busy with it', () => {
  const { handOff } = child()
  handOff.offer(listener, [10])
  assert.is(handOff.becomeIdle(0, 1), 10)
  assert.is(handOff.standings.idleBits, 0)
  assert.is(handOff.queue.length, 0)
})

test('an open thread takes what is queued when nobody is idle', () => {
  const { handOff, words } = child()
  handOff.offer(listener, [10, 11])
  assert.is(handOff.becomeOpen(0), 10)
  assert.is(openBits(words), 0, 'and is busy with it')
  assert.is(handOff.becomeIdle(1, 1), 11)
})

test('an open thread leaves what is queued to an idle one, and wakes it', () => {
  const { handOff, words } = child()
  handOff.becomeIdle(5, 1)
  handOff.queue.push(listener, 10)
  assert.is(handOff.becomeOpen(0), -1)
  assert.is(openBits(words), bit(0))
  assert.is(wakes(words, 5), 1)
  assert.is(handOff.takeWhenWoken(5), 10)
})

test('a busy thread that is woken takes nothing', () => {
  const { handOff } = child()
  handOff.queue.push(listener, 10)
  assert.is(handOff.takeWhenWoken(0), -1)
  assert.is(handOff.queue.length, 1)
})

test('a thread that becomes busy passes the baton for what is queued', () => {
  const { handOff, words } = child()
  for (const thread of [0, 1]) handOff.becomeIdle(thread, 1)
  handOff.queue.push(listener, 10)
  handOff.becomeBusy(0)
  assert.is(wakes(words, 1), 1)
  assert.is(wakes(words, 0), 0)
})

test('a thread that takes one of several wakes the next idle one', () => {
  const { handOff, words } = child()
  for (const thread of [0, 1]) handOff.becomeIdle(thread, 1)
  for (const fd of [10, 11]) handOff.queue.push(listener, fd)
  assert.is(handOff.takeWhenWoken(0), 10)
  assert.is(wakes(words, 1), 1)
  assert.is(handOff.takeWhenWoken(1), 11)
})

test('offer wakes one idle thread per descriptor, a different one each time', () => {
  const { handOff, words } = child()
  for (const thread of [0, 7, 31]) handOff.becomeIdle(thread, 1)
  assert.is(handOff.offer(listener, [10, 11]), 2)
  assert.equal(
    [0, 7, 31].map((thread) => wakes(words, thread)),
    [1, 1, 0],
  )
  assert.is(handOff.offer(listener, [12]), 1)
  assert.equal(
    [0, 7, 31].map((thread) => wakes(words, thread)),
    [1, 1, 1],
  )
})

test('with nobody idle, offer wakes every open thread', () => {
  const { handOff, words } = child()
  for (const thread of [2, 31]) handOff.becomeOpen(thread)
  handOff.offer(listener, [10])
  assert.equal(
    [0, 2, 31].map((thread) => wakes(words, thread)),
    [0, 1, 1],
  )
  assert.is(handOff.takeWhenWoken(31), 10)
  assert.is(handOff.takeWhenWoken(2), -1)
})

test('offer tells how many the ring had room for', () => {
  const { handOff } = child()
  const many = Array.from({ length: RING_SIZE + 3 }, (_, n) => n)
  assert.is(handOff.offer(listener, many), RING_SIZE)
})

test('a thread takes another one only while nobody is idle', () => {
  const { handOff } = child()
  for (const fd of [10, 11, 12]) handOff.queue.push(listener, fd)
  assert.is(handOff.takeAnother(0), 10)
  handOff.queue.unhand(0)
  handOff.offer(listener, [])
  // The last two are left when thread 1 becomes idle and takes one.
  assert.is(handOff.becomeIdle(1, 1), 11)
  assert.is(handOff.takeAnother(0), 12)
  assert.is(handOff.becomeIdle(2, 1), -1)
  handOff.queue.push(listener, 13)
  assert.is(handOff.takeAnother(0), -1)
})

test('a wake-up that comes after the arming is not missed, nor one before the sleep', async () => {
  const { handOff } = child()
  const armed = handOff.wakeUps.next(0)
  handOff.wakeUps.wake(0)
  await within(armed, 30_000, 'the wake-up')
  let isWoken = false
  const next = handOff.wakeUps.next(0).then(() => {
    isWoken = true
  })
  await new Promise((resolve) => setTimeout(resolve, 10))
  assert.not(isWoken, 'an old wake-up does not count')
  handOff.wakeUps.wake(0)
  await within(next, 30_000, 'the second wake-up')
})

// ── the listener thread asleep ───────────────────────────────────────────────────────────────────────

test('the listener thread sleeps only while there is no capacity, and is told of the first there is', () => {
  const { handOff, mechanism } = child()
  handOff.listener.sleepUntil(() => true)
  let looks = 0
  // A thread becomes idle between the look and the sleep: without the count this would sleep for the full time.
  const startedAt = performance.now()
  handOff.listener.sleepUntil(() => {
    looks++
    assert.ok(handOff.listener.isAsleep)
    handOff.becomeIdle(0, 1)
    return false
  }, 20_000)
  assert.is(looks, 1)
  assert.is(mechanism.listenerWakes, 1)
  assert.ok(performance.now() - startedAt < 10_000)
  assert.not(handOff.listener.isAsleep)
})

test('a listener thread that is to stop does not fall asleep', () => {
  const { handOff } = child()
  handOff.listener.stop()
  assert.ok(handOff.listener.isStopping)
  handOff.listener.sleepUntil(() => false)
})

test('a listener thread that is awake is told nothing; one asleep only of what makes room', () => {
  const { handOff, mechanism, words } = child()
  handOff.becomeIdle(0, 1)
  assert.is(mechanism.listenerWakes, 0)
  handOff.becomeBusy(0)
  words[Word.listenerAsleep] = 1
  for (const fd of [10, 11]) handOff.queue.push(listener, fd)
  assert.is(handOff.becomeIdle(1, 1), 10)
  assert.is(mechanism.listenerWakes, 0, 'one is still queued, and nobody idle')
  assert.is(handOff.becomeOpen(2), 11)
  assert.is(handOff.becomeOpen(3), -1)
  assert.is(mechanism.listenerWakes, 1, 'nothing is queued any more, and a loop turns')
})

test('a thread that is done serves itself while the listener thread sleeps', () => {
  const { handOff, mechanism, scoreboard, words } = child()
  mechanism.backlog.push(10, 11)
  assert.is(handOff.becomeIdle(0, 4), -1)
  assert.equal(mechanism.rooms, [], 'not while the listener thread is awake')
  handOff.becomeBusy(0)
  words[Word.listenerAsleep] = 1
  assert.is(handOff.becomeIdle(0, 1), 10)
  assert.is(handOff.standings.idleBits, 0)
  assert.is(scoreboard.field(SLOT, 'accepted'), 1)
  assert.is(words[threadWord(0, ThreadWord.inHand)], 11, 'descriptor 10 is in hand')
})

test('it accepts several at once only if nobody is idle, here or elsewhere', () => {
  const { handOff, mechanism, scoreboard, words } = child()
  words[Word.listenerAsleep] = 1
  handOff.becomeIdle(0, 4)
  handOff.becomeIdle(1, 4)
  handOff.becomeBusy(0)
  handOff.becomeBusy(1)
  scoreboard.setField(0, 'idleWord', 1)
  handOff.becomeIdle(0, 4)
  assert.equal(mechanism.rooms, [4, 1, 1])
})

test('nobody serves itself once the child stops', () => {
  const { handOff, mechanism, words } = child()
  mechanism.backlog.push(10)
  words[Word.listenerAsleep] = 1
  handOff.listener.stop()
  assert.is(handOff.becomeIdle(0, 1), -1)
  assert.equal(mechanism.backlog, [10])
})

// ── death ────────────────────────────────────────────────────────────────────────────────────────────

test('what a dead thread had goes to the others', async () => {
  const { handOff, mechanism, words } = child()
  for (const thread of [0, 1]) handOff.becomeIdle(thread, 1)
  handOff.offer(listener, [10])
  assert.is(handOff.takeWhenWoken(0), 10)
  handOff.becomeOpen(0)
  words[Word.listenerAsleep] = 1
  await handOff.recover(control, 0)
  assert.equal(mechanism.recovered, [LockOwner.worker(0)])
  assert.is(handOff.standings.idleBits, bit(1))
  assert.is(openBits(words), 0)
  assert.is(wakes(words, 1), 1, 'somebody else is woken for it')
  assert.is(handOff.takeWhenWoken(1), 10)
})

test('the wake-up of a dead thread goes to another one', async () => {
  const { handOff, words } = child()
  for (const thread of [0, 1]) handOff.becomeIdle(thread, 1)
  handOff.offer(listener, [10])
  assert.is(wakes(words, 0), 1)
  await handOff.recover(control, 0)
  assert.ok(wakes(words, 1) > 0)
})

test('the capacity that a dead thread did not announce is announced', async () => {
  const { handOff, mechanism, words } = child()
  handOff.becomeIdle(1, 1)
  handOff.queue.push(listener, 10)
  words[Word.listenerAsleep] = 1
  // Thread 0 took the descriptor and died before it told the listener thread.
  handOff.queue.take(0)
  handOff.queue.unhand(0)
  await handOff.recover(control, 0)
  assert.is(mechanism.listenerWakes, 1)
})

test('wherever a thread dies on its way to idle, nothing is lost', async () => {
  for (let step = 0; ; step++) {
    const { handOff, mechanism, words } = child()
    handOff.becomeIdle(1, 1)
    handOff.becomeBusy(1)
    words[Word.listenerAsleep] = 1
    mechanism.backlog.push(20)
    for (const fd of [10, 11]) handOff.queue.push(listener, fd)
    let got = -1
    const isDead = diesAt(step, () => {
      got = handOff.becomeIdle(0, 1)
    })
    // Its in-hand word tells of what it got, too.
    if (!isDead) assert.is(got, 10)
    await handOff.recover(control, 0)
    const found: number[] = []
    for (let fd = handOff.queue.take(1); fd >= 0; fd = handOff.queue.take(1)) {
      found.push(fd)
      handOff.queue.unhand(1)
    }
    // Accepted by the fake in one step with its way out of the backlog; from `push` on it must be there.
    const isAccepted = mechanism.backlog.length === 0
    const expected = isAccepted ? [10, 11, 20] : [10, 11]
    const missing = expected.filter((fd) => !found.includes(fd))
    const isBeforePush = missing.length === 1 && missing[0] === 20
    if (!isBeforePush) assert.equal(found.sort(), expected, `death point ${step}`)
    assert.is(handOff.standings.idleBits, 0)
    if (!isDead) break
  }
})

// ── interleavings ────────────────────────────────────────────────────────────────────────────────────

/** The property: if something is queued while a thread is idle, one that is idle has been woken since. */
function assertNobodyForgotten(
  { handOff, words }: Pick<ReturnType<typeof child>, 'handOff' | 'words'>,
  before: readonly number[],
  context: string,
): void {
  if (handOff.queue.length === 0 || handOff.standings.idleBits === 0) return
  const isWoken = before.some(
    (count, thread) =>
      (handOff.standings.idleBits & bit(thread)) !== 0 && wakes(words, thread) > count,
  )
  assert.ok(
    isWoken,
    `${context}: ${handOff.queue.length} queued, idle ${handOff.standings.idleBits}`,
  )
}

type Move = (handOff: HandOff) => void
const moves: Readonly<Record<string, Move>> = {
  'offer one': (handOff) => void handOff.offer(listener, [10]),
  'offer two': (handOff) => void handOff.offer(listener, [10, 11]),
  '0 becomes busy': (handOff) => handOff.becomeBusy(0),
  '0 is woken': (handOff) => void handOff.takeWhenWoken(0),
  '1 becomes busy': (handOff) => handOff.becomeBusy(1),
  '1 is woken': (handOff) => void handOff.takeWhenWoken(1),
  '2 becomes idle': (handOff) => void handOff.becomeIdle(2, 1),
  '2 becomes open': (handOff) => void handOff.becomeOpen(2),
}

test('whatever comes between, a queued descriptor and an idle thread find each other', () => {
  let runs = 0
  for (const [name, move] of Object.entries(moves)) {
    for (const [otherName, other] of Object.entries(moves)) {
      // One thread does one thing at a time.
      if (name[0] === otherName[0]) continue
      for (const queued of [0, 1]) {
        for (let step = 0; ; step++) {
          const scene = child()
          const { handOff, words } = scene
          for (const thread of [0, 1]) handOff.becomeIdle(thread, 1)
          const before = [0, 1, 2].map((thread) => wakes(words, thread))
          // As `offer` leaves it: one of the two has been woken.
          if (queued === 1) handOff.offer(listener, [9])
          let isHindered = false
          const isReached = interruptedAt(
            step,
            () => move(handOff),
            () => {
              // Inside the queue's mutex nobody else comes: that interleaving does not exist.
              isHindered = (words[Word.queueMutex] ?? 0) !== 0
              if (!isHindered) other(handOff)
            },
          )
          runs++
          if (isHindered) continue
          assertNobodyForgotten(scene, before, `${otherName} in "${name}", point ${step}`)
          if (!isReached) break
        }
      }
    }
  }
  assert.ok(runs > 500, `${runs} runs`)
})

test('a thread that was woken ahead is early until it looks, has become busy, or has something to take', () => {
  const early = (handOff: HandOff): readonly boolean[] =>
    [0, 1].map((thread) => handOff.wakeUps.isCalledEarly(thread))
  const called = (): HandOff => {
    const { handOff } = child()
    for (const thread of [0, 1]) handOff.becomeIdle(thread, 1)
    assert.equal(early(handOff), [false, false])
    handOff.wakeUps.wakeAhead()
    assert.equal(early(handOff), [true, false])
    return handOff
  }
  const looks = called()
  assert.is(looks.takeWhenWoken(0), -1)
  assert.equal(early(looks), [false, false])
  const isBusy = called()
  isBusy.becomeBusy(0)
  assert.equal(early(isBusy), [false, false])
  const offered = called()
  offered.offer(listener, [10])
  assert.equal(early(offered), [false, false])
  assert.is(offered.takeWhenWoken(0), 10)
})

test('a thread that was woken ahead counts only if it still has to look at the queue', () => {
  for (const what of ['looks', 'becomes busy', 'becomes busy and idle again'] as const) {
    for (const one of [0, 1]) {
      for (const idle of [[0], [0, 1]]) {
        let points = 0
        for (let step = 0; ; step++) {
          const { handOff, words } = child()
          for (const thread of idle) handOff.becomeIdle(thread, 1)
          // What each has seen of its wake-ups: read before the look, as in the loop of a lease.
          const seen = [0, 0]
          const isReached = interruptedAt(
            step,
            () => {
              handOff.wakeUps.wakeAhead()
              handOff.offer(listener, [10])
            },
            () => {
              if ((words[Word.queueMutex] ?? 0) !== 0 || !idle.includes(one)) return
              if (what === 'looks') {
                seen[one] = wakes(words, one)
                handOff.takeWhenWoken(one)
              } else handOff.becomeBusy(one)
              if (what === 'becomes busy and idle again') handOff.becomeIdle(one, 1)
            },
          )
          const context = `${what} ${one} of ${idle}, point ${step}`
          if (!isReached) {
            const all = idle.reduce((sum, thread) => sum + wakes(words, thread), 0)
            assert.is(all, 1, `${context}: one wake-up suffices`)
            break
          }
          points++
          assertNobodyForgotten({ handOff, words }, seen, context)
        }
        assert.ok(points > 5)
      }
    }
  }
})

test('a thread that died between the note of a call and the call is not relied upon', async () => {
  for (const recover of ['thread', 'parker'] as const) {
    const { handOff, words } = child()
    handOff.becomeIdle(0, 1)
    handOff.wakeUps.wakeAhead()
    handOff.takeWhenWoken(0)
    Atomics.or(words, Word.wokenBits, bit(0))
    if (recover === 'thread') await handOff.recover(control, 1)
    else await handOff.recoverParker(control, () => false)
    const before = wakes(words, 0)
    handOff.offer(listener, [10])
    assert.is(wakes(words, 0), before + 1, recover)
  }
})

test('what the parker had in hand at its end is queued only if it had claimed it', async () => {
  const { handOff } = child()
  handOff.queue.hold(PARKER_THREAD, 10)
  await handOff.recoverParker(control, () => false)
  assert.is(handOff.queue.length, 0)
  handOff.queue.hold(PARKER_THREAD, 10)
  await handOff.recoverParker(control, (fd) => fd === 10)
  assert.is(handOff.queue.take(0), 10)
})

test.run()
