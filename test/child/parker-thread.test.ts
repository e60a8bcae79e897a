/** The parker as the main thread of its child sees it: one that can't start, and the end of one. */
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ParkerThread } from '#dist/child/parker-thread.js'
import { createChildMemory } from '#dist/sync/child-memory.js'
import { descriptorOf } from '#dist/sync/entry.js'
import { HandOff } from '#dist/sync/hand-off.js'
import { Parking } from '#dist/sync/parking.js'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'
import { closeDescriptor } from '#dist/sys/descriptor.js'
import { openDescriptorSockets } from '#dist/sys/descriptor-socket.js'
import { Epoll } from '#dist/sys/epoll.js'
import { openEventDescriptor } from '#dist/sys/event-descriptor.js'
import { sendBytes } from '#dist/sys/send.js'
import { peekConnection } from '#dist/sys/socket.js'
import { interruptedAt } from '../support/death.js'
import { noMechanism } from '../support/no-mechanism.js'
import { until } from '../support/until.js'

const LIMIT_MS = 30_000
const WATCHED_MS = 1500
/** After 100, 200, 400 and 800 ms, and the first one at once. */
const MOST_STARTS = 5
const THREAD = 0
const MOST_STEPS = 200

class Child implements Disposable {
  readonly #epoll = Epoll.create()
  readonly #wake = openEventDescriptor()
  readonly codes: string[] = []
  readonly parking: Parking
  readonly handOff: HandOff
  readonly parker: ParkerThread

  constructor() {
    const memory = createChildMemory()
    const scoreboard = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
    scoreboard.format()
    this.handOff = new HandOff(memory, scoreboard, 0, noMechanism)
    const { fd: epoll } = this.#epoll
    const wake = this.#wake
    this.parking = new Parking(memory, this.#epoll, wake)
    const start = {
      slot: 0,
      mechanism: { kind: 'exclusive', listeners: [], epoll, passOn: wake },
      mailbox: { sendEnd: -1, receiveEnd: -1 },
      parking: { epoll, wake },
      transfer: undefined,
      keepAliveTimeout: 0,
      shutdownIdleTimeout: 0,
      memory,
      // It fails with this one.
      scoreboard: -1,
    } as const
    const { parking, handOff, codes } = this
    this.parker = new ParkerThread(start, parking, undefined, handOff, (error) =>
      codes.push(error.code ?? ''),
    )
    // As a predecessor that ran has left it.
    parking.orders.open()
  }

  /** What its threads find in the queue, as descriptors. */
  queued(): number[] {
    const { queue } = this.handOff
    const queued: number[] = []
    for (let entry = queue.take(THREAD); entry >= 0; entry = queue.take(THREAD)) {
      queued.push(descriptorOf(entry))
      queue.unhand(THREAD)
    }
    return queued
  }

  [Symbol.dispose](): void {
    closeDescriptor(this.#epoll.fd)
    closeDescriptor(this.#wake)
  }
}

test('one that dies at its start is started ever less often, and what is parked goes to the threads', async () => {
  using child = new Child()
  const { parker, parking, handOff, codes } = child
  const idle = openDescriptorSockets()
  const over = openDescriptorSockets()
  for (const { sendEnd, receiveEnd } of [idle, over]) {
    assert.ok(parking.park(THREAD, receiveEnd))
    closeDescriptor(receiveEnd)
    if (sendEnd === over.sendEnd) closeDescriptor(sendEnd)
  }
  parker.start()
  await until(() => handOff.queue.length === 1, LIMIT_MS, 'the idle one in the queue')
  assert.not(parking.orders.isOpen)
  assert.is(peekConnection(idle.sendEnd), 'nothing')
  assert.is(parker.parkedCount, 0)
  await sleep(WATCHED_MS)
  assert.ok(codes.length <= MOST_STARTS, `${codes.length} starts`)
  assert.equal(new Set(codes), new Set(['FT_ERR_PARKER_DIED']))
  await parker.stop('close')
  const starts = codes.length
  await sleep(WATCHED_MS)
  assert.is(codes.length, starts)
  for (const fd of [idle.sendEnd, ...child.queued()]) closeDescriptor(fd)
})

for (const isAsked of [false, true])
  test(`parked after all had moved (${isAsked ? 'with a request' : 'idle'}): it stays with its thread or goes to one, at whatever step parking ends`, async () => {
    let parked = 0
    let kept = 0
    for (let step = 0, isReached = true; isReached; step++) {
      assert.ok(step < MOST_STEPS)
      using child = new Child()
      const { parker, parking } = child
      const { sendEnd: client, receiveEnd: socket } = openDescriptorSockets()
      let hasParked = false
      let stopped = Promise.resolve()
      const park = (): void => {
        hasParked = parking.park(THREAD, socket)
      }
      // The child has seen all of them go.
      isReached = interruptedAt(step, park, () => {
        stopped = parker.stop('queue')
        if (isAsked) sendBytes(client, Buffer.from('GET'))
      })
      if (!isReached) stopped = parker.stop('queue')
      if (hasParked) closeDescriptor(socket)
      await stopped
      const held = [...(hasParked ? [] : [socket]), ...child.queued()]
      assert.is(held.length, 1, `step ${step}`)
      const has = isAsked && isReached ? 'bytes' : 'nothing'
      assert.is(peekConnection(held[0] ?? -1), has, `step ${step}`)
      assert.is(peekConnection(client), 'nothing', `step ${step}`)
      assert.is(parker.parkedCount, 0)
      for (const fd of [client, ...held]) closeDescriptor(fd)
      if (hasParked) parked++
      else kept++
    }
    assert.ok(parked > 0 && kept > 0, `${parked} parked, ${kept} kept`)
  })

test('the end of a pool that waits for nobody closes what is idle', async () => {
  using child = new Child()
  const { sendEnd: client, receiveEnd: socket } = openDescriptorSockets()
  assert.ok(child.parking.park(THREAD, socket))
  closeDescriptor(socket)
  await child.parker.stop('close')
  assert.equal(child.queued(), [])
  assert.is(peekConnection(client), 'end')
  closeDescriptor(client)
})

test.run()
