/** The listener threads of two processes and a worker thread, over one backlog: each connection has one fate, and the right one. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { keepInQueue } from '#dist/listener/keep-in-queue.js'
import { Acceptor } from '#dist/sync/acceptor.js'
import type { Capacity } from '#dist/sync/admission.js'
import { createChildMemory } from '#dist/sync/child-memory.js'
import { ClearHttp } from '#dist/sync/clear-http.js'
import { refusalOf, refuse } from '#dist/sync/early-refusal.js'
import { descriptorOf } from '#dist/sync/entry.js'
import { HandOff } from '#dist/sync/hand-off.js'
import { LateRefusal } from '#dist/sync/late-refusal.js'
import { Mailbox } from '#dist/sync/mailbox.js'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'
import { closeDescriptor } from '#dist/sys/descriptor.js'
import { countWaiting, openDescriptorSockets } from '#dist/sys/descriptor-socket.js'
import { sendBytes } from '#dist/sys/send.js'
import { boundAddress, openListener } from '#dist/sys/socket.js'
import { sinceDataMs } from '#dist/sys/tcp-info.js'
import { noMechanism } from '../support/no-mechanism.js'
import { Random } from '../support/random.js'
import { until } from '../support/until.js'

const FULL: Capacity = { idle: 0, queued: 0, open: 0, idleElsewhere: 0 }
const SERVED = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
class Pool implements Disposable {
  readonly #fd = openListener(
    { family: 4, host: '127.0.0.1', port: 0 },
    { backlog: 512, ipv6Only: false, reusePort: false },
  )
  readonly #ends = openDescriptorSockets()
  readonly scoreboard = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
  readonly mailbox = new Mailbox(this.#ends, this.scoreboard)
  readonly answers: string[] = []
  readonly #clients: Socket[] = []

  constructor() {
    this.scoreboard.format()
    for (const slot of [0, 1]) this.scoreboard.openProcess(slot)
  }

  /** The listener thread of a process. */
  listener(
    slot: number,
    queueTimeout: number,
    hasMailbox = true,
  ): { late: LateRefusal; handOff: HandOff } {
    const memory = createChildMemory()
    const clearHttp = new ClearHttp(memory)
    clearHttp.note(['http'])
    const mailbox = hasMailbox ? this.mailbox : undefined
    const handOff = new HandOff(memory, this.scoreboard, slot, noMechanism)
    const acceptor = new Acceptor([this.#fd], mailbox, memory)
    const { scoreboard } = this
    const keep = keepInQueue(handOff)
    const options = { slot, queueTimeout, acceptor, handOff, scoreboard, mailbox, clearHttp, keep }
    return { late: new LateRefusal(options), handOff }
  }

  /** What a worker thread does that is free for a moment. Returns the age of what it took, -1 if there was nothing. */
  serveOne(queueTimeout: number): number {
    let ageMs = -1
    const acceptor = new Acceptor([this.#fd], this.mailbox, createChildMemory())
    acceptor.accept(1, (entry) => {
      const fd = descriptorOf(entry)
      ageMs = Math.max(sinceDataMs(fd), 0)
      if (ageMs > queueTimeout) refuse(fd, refusalOf(queueTimeout))
      else {
        sendBytes(fd, SERVED)
        closeDescriptor(fd)
      }
    })
    return ageMs
  }

  /** @param text what it sends; nothing if it is empty */
  async client(text = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'): Promise<void> {
    const address = boundAddress(this.#fd)
    const socket = connect(address?.family === 4 ? address.port : 0, '127.0.0.1')
    this.#clients.push(socket)
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    // A served one is closed with its request unread, in this test only.
    socket.on('error', () => undefined)
    socket.once('close', () => this.answers.push(answer.slice(9, 12)))
    await once(socket, 'connect')
    if (text !== '') socket.write(text)
  }

  get mailed(): number {
    return countWaiting(this.#ends.receiveEnd)
  }

  get refused(): number {
    return this.scoreboard.field(0, 'refused') + this.scoreboard.field(1, 'refused')
  }

  [Symbol.dispose](): void {
    for (const socket of this.#clients) socket.destroy()
    for (const fd of [this.#fd, this.#ends.sendEnd, this.#ends.receiveEnd]) closeDescriptor(fd)
  }
}

test('late ones are refused, the first young one goes into the mailbox, and the rest stays', async () => {
  using pool = new Pool()
  const { late } = pool.listener(0, 1500)
  for (let index = 0; index < 3; index++) await pool.client()
  await sleep(1600)
  for (let index = 0; index < 3; index++) await pool.client()
  await sleep(20)
  late.look(() => FULL)
  assert.is(pool.refused, 3)
  assert.is(pool.mailed, 1)
  await until(() => pool.answers.length === 3, 30_000, 'three have their answer')
  assert.equal(pool.answers, ['503', '503', '503'])
  // Nothing can be late yet: no further one is moved.
  late.look(() => FULL)
  assert.is(pool.mailed, 1)
  for (let index = 0; index < 3; index++) assert.ok(pool.serveOne(10_000) >= 0)
  assert.is(pool.serveOne(10_000), -1)
})

test('those without a word hide nothing that is late behind them', async () => {
  using pool = new Pool()
  const { late } = pool.listener(0, 100)
  for (const text of ['', '', '', undefined, undefined]) await pool.client(text)
  await sleep(200)
  late.look(() => FULL)
  assert.is(pool.refused, 2)
  assert.is(pool.mailed, 3)
  await pool.client()
  await sleep(200)
  // They are in the mailbox now, and still do not stop the look.
  late.look(() => FULL)
  assert.is(pool.refused, 3)
  assert.is(pool.mailed, 3)
})

test('without a mailbox the young one is queued here', async () => {
  using pool = new Pool()
  const { late, handOff } = pool.listener(0, 10_000, false)
  await pool.client()
  await sleep(20)
  late.look(() => FULL)
  assert.is(handOff.queue.length, 1)
  assert.is(pool.refused, 0)
})

test('nothing is touched while some thread can take it, here or elsewhere', async () => {
  using pool = new Pool()
  const { late } = pool.listener(0, 10)
  await pool.client()
  await sleep(50)
  for (const capacity of [
    { ...FULL, idle: 1 },
    { ...FULL, open: 1 },
    { ...FULL, idleElsewhere: 1 },
  ])
    late.look(() => capacity)
  assert.is(pool.refused + pool.mailed, 0)
})

test('in any order of two listener threads and a worker thread each connection has one fate', async () => {
  const queueTimeout = 30
  for (let seed = 1; seed <= 8; seed++) {
    using pool = new Pool()
    const random = new Random(seed)
    const listeners = [0, 1].map((slot) => pool.listener(slot, queueTimeout).late)
    let asked = 0
    for (let step = 0; step < 60; step++) {
      const what = random.from(0, 5)
      if (what <= 1) {
        await pool.client()
        asked++
      } else if (what === 2) await sleep(random.from(0, 20))
      else if (what === 3) pool.serveOne(queueTimeout)
      else {
        // One thread is free after some of the looks, so a look may end in the middle.
        let looks = random.from(1, 6)
        listeners[what - 4]?.look(() => (looks-- > 0 ? FULL : { ...FULL, idle: 1 }))
      }
    }
    while (pool.serveOne(queueTimeout) >= 0);
    const all = asked
    await until(() => pool.answers.length === all, 30_000, `seed ${seed}: all ${all} have an end`)
    assert.is(pool.mailed, 0)
  }
})

test.run()
