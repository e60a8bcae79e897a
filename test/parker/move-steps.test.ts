/** A connection moves from one parker to another: whoever dies at any step, and whenever the client sends, one has it, and sees what came. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Arrivals } from '#dist/parker/arrivals.js'
import { Parker } from '#dist/parker/parker.js'
import { createChildMemory, LockOwner, Word } from '#dist/sync/child-memory.js'
import { descriptorOf } from '#dist/sync/entry.js'
import { HandOff } from '#dist/sync/hand-off.js'
import { Mailbox } from '#dist/sync/mailbox.js'
import { WayOut } from '#dist/sync/parker-orders.js'
import { Parking } from '#dist/sync/parking.js'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'
import { Transfer } from '#dist/sync/transfer.js'
import { closeDescriptor } from '#dist/sys/descriptor.js'
import { openDescriptorSockets } from '#dist/sys/descriptor-socket.js'
import { Epoll } from '#dist/sys/epoll.js'
import { openEventDescriptor } from '#dist/sys/event-descriptor.js'
import { sendBytes } from '#dist/sys/send.js'
import { peekConnection } from '#dist/sys/socket.js'
import { diesAt, interruptedAt } from '../support/death.js'
import { noMechanism } from '../support/no-mechanism.js'
import { descriptors } from '../support/processes.js'

const THREAD = 0
const MOST_STEPS = 200
/** Turns of the parker's loop until it finds that it is to end. */
const TURNS = 3
/** Without the duplicates of a wake descriptor that a death may leave. */
const countOpen = (): number =>
  descriptors(process.pid).filter(({ target }) => !target.includes('eventfd')).length

/** What two processes of a pool share. */
class Pool implements Disposable {
  readonly scoreboard = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
  readonly transferEnds = openDescriptorSockets()
  readonly mailEnds = openDescriptorSockets()
  readonly leaver = new Process(this)
  readonly receiver = new Process(this)

  constructor() {
    this.scoreboard.format()
  }

  [Symbol.dispose](): void {
    for (const { sendEnd, receiveEnd } of [this.transferEnds, this.mailEnds])
      for (const fd of [sendEnd, receiveEnd]) closeDescriptor(fd)
    for (const process of [this.leaver, this.receiver]) process.close()
  }
}

class Process {
  readonly #pool: Pool
  readonly memory = createChildMemory()
  readonly words = new Int32Array(this.memory)
  readonly epoll = Epoll.create()
  readonly #wake = openEventDescriptor()
  readonly parking = new Parking(this.memory, this.epoll, this.#wake)
  readonly handOff: HandOff
  readonly transfer: Transfer

  constructor(pool: Pool) {
    this.#pool = pool
    this.handOff = new HandOff(this.memory, pool.scoreboard, 0, noMechanism)
    this.transfer = new Transfer(pool.transferEnds, pool.scoreboard)
    this.parking.orders.open()
  }

  /** Some turns of its parker, since the process leaves. */
  moveOut(way: WayOut = WayOut.move): void {
    this.words[Word.wayOut] = way
    let turns = 0
    const epoll = {
      wait: (): number[] => {
        if (++turns > TURNS) this.words[Word.parkingOver] = 1
        return this.epoll.wait(0)
      },
      hasEnded: (index: number) => this.epoll.hasEnded(index),
    } as unknown as Epoll
    const { scoreboard, mailEnds } = this.#pool
    const { parking, handOff, transfer } = this
    new Parker({
      ...{ slot: 0, wake: this.#wake, keepAliveTimeout: 0, shutdownIdleTimeout: 0, epoll },
      ...{ parking, handOff, transfer, scoreboard, arrivals: undefined },
      mailbox: new Mailbox(mailEnds, scoreboard),
    }).run()
  }

  takeIn(): void {
    const { epoll, parking, handOff, transfer } = this
    const arrived = (): void => undefined
    const mostDescriptors = Number.POSITIVE_INFINITY
    new Arrivals({ transfer, epoll, parking, handOff, arrived, mostDescriptors }).take()
  }

  /** After the death of its parker. The connections that it has then, as descriptors. */
  async recovered(): Promise<number[]> {
    await this.handOff.recoverParker(LockOwner.control, (fd) => this.parking.isClaimed(fd))
    return this.held()
  }

  held(): number[] {
    const held: number[] = []
    this.parking.each((fd) => held.push(fd))
    for (let entry = this.handOff.queue.take(THREAD); entry >= 0; ) {
      held.push(descriptorOf(entry))
      this.handOff.queue.unhand(THREAD)
      entry = this.handOff.queue.take(THREAD)
    }
    return held
  }

  /** Parks a connection, whose client is returned. */
  park(): number {
    const { sendEnd: client, receiveEnd: socket } = openDescriptorSockets()
    assert.ok(this.parking.park(THREAD, socket))
    closeDescriptor(socket)
    return client
  }

  close(): void {
    closeDescriptor(this.epoll.fd)
    closeDescriptor(this.#wake)
  }
}

test("the leaver's parker dies at any step", async () => {
  const before = countOpen()
  let moved = 0
  let steps = 0
  for (let hasDied = true; hasDied; steps++) {
    assert.ok(steps < MOST_STEPS)
    using pool = new Pool()
    const { leaver } = pool
    const client = leaver.park()
    hasDied = diesAt(steps, () => leaver.moveOut())
    const held = await leaver.recovered()
    for (let { fd } = pool.receiver.transfer.take(); fd >= 0; ) {
      held.push(fd)
      moved++
      ;({ fd } = pool.receiver.transfer.take())
    }
    const isOpen = peekConnection(client) === 'nothing'
    // Lost is it only between the note that it may be mailed and the mail.
    assert.is(held.length, isOpen ? 1 : 0, `step ${steps}`)
    held.forEach(closeDescriptor)
    closeDescriptor(client)
  }
  assert.ok(steps > 10 && moved > 1, `${steps} steps, ${moved} moved`)
  assert.is(countOpen(), before)
})

test("the receiver's parker dies at any step", async () => {
  const before = countOpen()
  let lost = 0
  let steps = 0
  for (let hasDied = true; hasDied; steps++) {
    assert.ok(steps < MOST_STEPS)
    using pool = new Pool()
    const { leaver, receiver } = pool
    const client = leaver.park()
    leaver.moveOut()
    hasDied = diesAt(steps, () => receiver.takeIn())
    const held = await receiver.recovered()
    const { fd } = pool.receiver.transfer.take()
    if (fd >= 0) held.push(fd)
    assert.ok(held.length <= 1, `step ${steps}`)
    // Between the take and the note nobody knows of it; the end of the process will close it.
    if (held.length === 0) lost++
    for (const one of held) assert.is(peekConnection(one), 'nothing')
    held.forEach(closeDescriptor)
    closeDescriptor(client)
  }
  assert.ok(steps > 5, `${steps} steps`)
  // One point each side of the first store, and one of the note.
  assert.ok(lost <= 3, `${lost} lost`)
  // Those that were lost.
  assert.is(countOpen(), before + lost)
})

test('a request that comes at any step is there, and reported to who has the connection', () => {
  const before = countOpen()
  const request = Buffer.from('GET / HTTP/1.1\r\n\r\n')
  let reported = 0
  for (const side of ['leaver', 'receiver'] as const)
    for (let step = 0, isReached = true; isReached; step++) {
      assert.ok(step < MOST_STEPS)
      using pool = new Pool()
      const { leaver, receiver } = pool
      const client = leaver.park()
      const send = (): void => void sendBytes(client, request)
      const out = (): void => leaver.moveOut()
      const into = (): void => receiver.takeIn()
      if (side === 'leaver') {
        isReached = interruptedAt(step, out, send)
        into()
      } else {
        out()
        isReached = interruptedAt(step, into, send)
      }
      const mailed = new Mailbox(pool.mailEnds, pool.scoreboard).take()
      const held = [...receiver.held(), ...(mailed >= 0 ? [descriptorOf(mailed)] : [])]
      assert.is(held.length, 1, `${side} ${step}`)
      if (isReached) {
        assert.is(peekConnection(held[0] ?? -1), 'bytes')
        if (mailed < 0) assert.ok(receiver.epoll.wait(0).includes(held[0] ?? -1))
        reported++
      }
      held.forEach(closeDescriptor)
      closeDescriptor(client)
    }
  assert.ok(reported > 15, `${reported}`)
  assert.is(countOpen(), before)
})

test('when all processes of a pool leave at once, nobody looks into their mailbox: each serves the requests that come', () => {
  using pool = new Pool()
  const { leaver } = pool
  const client = leaver.park()
  const idle = leaver.park()
  sendBytes(client, Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  leaver.moveOut(WayOut.moveAll)
  assert.is(new Mailbox(pool.mailEnds, pool.scoreboard).take(), -1)
  const { fd } = pool.receiver.transfer.take()
  const held = [fd, ...leaver.held()]
  assert.equal(held.map(peekConnection), ['nothing', 'bytes'])
  for (const one of [client, idle, ...held]) closeDescriptor(one)
})

test.run()
