/** Parking a connection, and a thread that dies at any step of it: one has the connection, or its client sees the end. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createChildMemory, Word } from '#dist/sync/child-memory.js'
import { Parking } from '#dist/sync/parking.js'
import { closeDescriptor } from '#dist/sys/descriptor.js'
import { openDescriptorSockets } from '#dist/sys/descriptor-socket.js'
import { Epoll } from '#dist/sys/epoll.js'
import { openEventDescriptor } from '#dist/sys/event-descriptor.js'
import { peekConnection } from '#dist/sys/socket.js'
import { diesAt } from '../support/death.js'
import { descriptors } from '../support/processes.js'

const THREAD = 3
const MOST_STEPS = 100

/** How many descriptors are open, without the duplicates of a wake descriptor that a death may leave. */
const countOpen = (): number =>
  descriptors(process.pid).filter(({ target }) => !target.includes('eventfd')).length

function open(isStopping: boolean) {
  const memory = createChildMemory()
  const words = new Int32Array(memory)
  const epoll = Epoll.create()
  const wake = openEventDescriptor()
  const parking = new Parking(memory, epoll, wake)
  parking.orders.open()
  words[Word.parkingOver] = Number(isStopping)
  const { sendEnd: client, receiveEnd: socket } = openDescriptorSockets()
  const close = (): void => [epoll.fd, wake, client].forEach(closeDescriptor)
  return { parking, epoll, client, socket, close }
}

function parkedIn(parking: Parking): number[] {
  const found: number[] = []
  parking.each((fd) => found.push(fd))
  return found
}

test('what is parked is reported when there is something to read, and one claim gets it', () => {
  const { parking, epoll, client, socket, close } = open(false)
  assert.ok(parking.park(THREAD, socket))
  closeDescriptor(socket)
  const [fd = -1, ...others] = parkedIn(parking)
  assert.equal(others, [])
  assert.is(peekConnection(client), 'nothing')
  assert.equal(epoll.wait(0), [])
  closeDescriptor(client)
  assert.equal(epoll.wait(0), [fd])
  const since = parking.parkedSince(fd)
  assert.ok(parking.claim(fd, since))
  assert.not(parking.claim(fd, since))
  assert.equal(parkedIn(parking), [])
  closeDescriptor(fd)
  close()
})

test('what is parked when parking is over stays with its thread', () => {
  const { parking, epoll, client, socket, close } = open(true)
  assert.not(parking.park(THREAD, socket))
  assert.equal(parkedIn(parking), [])
  assert.is(peekConnection(client), 'nothing')
  closeDescriptor(client)
  assert.is(peekConnection(socket), 'end')
  assert.equal(epoll.wait(0), [])
  closeDescriptor(socket)
  close()
})

for (const isStopping of [false, true]) {
  test(`a thread dies at any step of parking${isStopping ? ', and of taking back' : ''}`, () => {
    const before = countOpen()
    let steps = 0
    let held = 0
    for (let hasDied = true; hasDied; steps++) {
      assert.ok(steps < MOST_STEPS)
      const { parking, client, socket, close } = open(isStopping)
      hasDied = diesAt(steps, () => void parking.park(THREAD, socket))
      // With the thread, or as the last step of parking.
      closeDescriptor(socket)
      const holders = parkedIn(parking)
      const reserved = parking.recoverReserved(THREAD)
      if (reserved >= 0) {
        assert.not(holders.includes(reserved), `step ${steps}`)
        if (peekConnection(reserved) === 'nothing') holders.push(reserved)
        else closeDescriptor(reserved)
      }
      assert.is(parking.recoverReserved(THREAD), -1)
      const isOpen = peekConnection(client) === 'nothing'
      assert.is(holders.length, isOpen ? 1 : 0, `step ${steps}`)
      held += holders.length
      holders.forEach(closeDescriptor)
      close()
    }
    assert.ok(steps > 5)
    assert.ok(held > 0)
    assert.is(countOpen(), before)
  })
}

test.run()
