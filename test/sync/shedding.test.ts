/** What a thread that is about to block does with what is queued behind it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  createChildMemory,
  LockOwner,
  RING_SIZE,
  ThreadWord,
  threadWord,
} from '#dist/sync/child-memory.js'
import { HandOff } from '#dist/sync/hand-off.js'
import { Mailbox } from '#dist/sync/mailbox.js'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'
import { Shedding } from '#dist/sync/shedding.js'
import { noMechanism } from '../support/no-mechanism.js'

const { listener } = LockOwner

/** Has no room, and while it is asked the ring fills up as well. */
class FullMailbox extends Mailbox {
  readonly #whenAsked: () => void

  constructor(scoreboard: Scoreboard, whenAsked: () => void) {
    super({ sendEnd: -1, receiveEnd: -1 }, scoreboard)
    this.#whenAsked = whenAsked
  }

  override put(): boolean {
    this.#whenAsked()
    return false
  }
}

function childWithFullMailbox(whenAsked: (handOff: HandOff) => void) {
  const memory = createChildMemory()
  const scoreboard = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
  scoreboard.format()
  scoreboard.openProcess(0)
  const handOff = new HandOff(memory, scoreboard, 0, noMechanism)
  const shedding = new Shedding(handOff, new FullMailbox(scoreboard, () => whenAsked(handOff)))
  return { words: new Int32Array(memory), handOff, shedding }
}

const inHand = (words: Int32Array, thread: number) => words[threadWord(thread, ThreadWord.inHand)]

test('a thread that would shed keeps what neither the mailbox nor the ring has room for', () => {
  const { words, handOff, shedding } = childWithFullMailbox(({ queue }) => {
    for (let fd = 100; queue.push(listener, fd); fd++);
  })
  handOff.queue.push(listener, 10)
  assert.is(shedding.shed(4), 10)
  assert.is(handOff.queue.length, RING_SIZE)
  // Should it die now, it is handed to the others.
  assert.is(inHand(words, 4), 11)
  assert.is(handOff.queue.recover(4), 10)
})

test('a thread that would shed puts back what the mailbox has no room for', () => {
  const { words, handOff, shedding } = childWithFullMailbox(() => undefined)
  handOff.queue.push(listener, 10)
  handOff.queue.push(listener, 12)
  assert.is(shedding.shed(4), -1)
  assert.is(inHand(words, 4), 0)
  assert.equal([handOff.queue.take(0), handOff.queue.take(0)].sort(), [10, 12])
})

test.run()
