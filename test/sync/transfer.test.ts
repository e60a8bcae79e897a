/** What goes into the transfer comes out of it once, and leaves no descriptor behind, however it is taken. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'
import { Transfer } from '#dist/sync/transfer.js'
import { closeDescriptor } from '#dist/sys/descriptor.js'
import { openDescriptorSockets } from '#dist/sys/descriptor-socket.js'
import { sendBytes } from '#dist/sys/send.js'
import { peekConnection } from '#dist/sys/socket.js'
import { descriptors } from '../support/processes.js'

const CONNECTIONS = 5

for (const isRoomy of [false, true])
  test(`with numbers in ${isRoomy ? 'plenty' : 'doubt'}`, () => {
    const scoreboard = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
    scoreboard.format()
    const ends = openDescriptorSockets()
    const transfer = new Transfer(ends, scoreboard)
    const before = descriptors(process.pid).length
    const clients = Array.from({ length: CONNECTIONS }, () => {
      const { sendEnd: client, receiveEnd: socket } = openDescriptorSockets()
      assert.ok(transfer.put(socket))
      closeDescriptor(socket)
      return client
    })
    assert.is(transfer.waiting, CONNECTIONS)
    assert.is(transfer.sent, CONNECTIONS)
    for (const client of clients) {
      const { fd, reason } = transfer.take(isRoomy)
      assert.is(reason, 0)
      // In the order in which they were put in.
      sendBytes(client, Buffer.from('GET'))
      assert.is(peekConnection(fd), 'bytes')
      closeDescriptor(fd)
    }
    assert.is(transfer.take(isRoomy).fd, -1)
    assert.is(transfer.waiting, 0)
    clients.forEach(closeDescriptor)
    assert.is(descriptors(process.pid).length, before)
    for (const fd of [ends.sendEnd, ends.receiveEnd]) closeDescriptor(fd)
  })

test.run()
