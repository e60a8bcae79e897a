/** A parker that can't start: its child goes on without one, and nobody waits for it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ParkerThread } from '#dist/child/parker-thread.js'
import { createChildMemory } from '#dist/sync/child-memory.js'
import { HandOff } from '#dist/sync/hand-off.js'
import { Parking } from '#dist/sync/parking.js'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'
import { closeDescriptor } from '#dist/sys/descriptor.js'
import { openDescriptorSockets } from '#dist/sys/descriptor-socket.js'
import { Epoll } from '#dist/sys/epoll.js'
import { openEventDescriptor } from '#dist/sys/event-descriptor.js'
import { peekConnection } from '#dist/sys/socket.js'
import { until } from '../support/until.js'

const LIMIT_MS = 30_000
const WATCHED_MS = 1500
/** After 100, 200, 400 and 800 ms, and the first one at once. */
const MOST_STARTS = 5

test('one that dies at its start is started ever less often, and what is parked goes to the threads', async () => {
  const memory = createChildMemory()
  const scoreboard = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
  scoreboard.format()
  const mechanism = { wakeListener: () => undefined, selfServe: () => 0, recover: () => undefined }
  const handOff = new HandOff(memory, scoreboard, 0, mechanism)
  const epoll = Epoll.create()
  const wake = openEventDescriptor()
  const parking = new Parking(memory, epoll, wake)
  const start = {
    slot: 0,
    mechanism: { kind: 'exclusive', listeners: [], epoll: epoll.fd, passOn: wake },
    mailbox: { sendEnd: -1, receiveEnd: -1 },
    parking: { epoll: epoll.fd, wake },
    transfer: undefined,
    keepAliveTimeout: 0,
    shutdownIdleTimeout: 0,
    memory,
    // It fails with this one.
    scoreboard: -1,
  } as const
  const codes: string[] = []
  const parker = new ParkerThread(start, parking, undefined, handOff, (error) =>
    codes.push(error.code ?? ''),
  )
  const idle = openDescriptorSockets()
  const over = openDescriptorSockets()
  // As a predecessor that ran has left it.
  parking.open()
  for (const { sendEnd, receiveEnd } of [idle, over]) {
    assert.ok(parking.park(0, receiveEnd))
    closeDescriptor(receiveEnd)
    if (sendEnd === over.sendEnd) closeDescriptor(sendEnd)
  }
  parker.start()
  await until(() => handOff.queue.length === 1, LIMIT_MS, 'the idle one in the queue')
  assert.not(parking.isOpen)
  assert.is(peekConnection(idle.sendEnd), 'nothing')
  assert.is(
    parking.each(() => undefined),
    0,
  )
  await sleep(WATCHED_MS)
  assert.ok(codes.length <= MOST_STARTS, `${codes.length} starts`)
  assert.equal(new Set(codes), new Set(['FT_ERR_PARKER_DIED']))
  await parker.stop('close')
  const starts = codes.length
  await sleep(WATCHED_MS)
  assert.is(codes.length, starts)
  for (const fd of [idle.sendEnd, handOff.queue.take(0), epoll.fd, wake]) closeDescriptor(fd)
})

test.run()
