/** The mailbox: what is put in comes out once, in a process without descriptors, too. */
import { execFile } from 'node:child_process'
import { constants } from 'node:os'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { descriptorOf, isResumed, resumed } from '#dist/sync/entry.js'
import { Mailbox } from '#dist/sync/mailbox.js'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'
import { closeDescriptor } from '#dist/sys/descriptor.js'
import { countWaiting, openDescriptorSockets } from '#dist/sys/descriptor-socket.js'
import { openEventDescriptor, signalEvent } from '#dist/sys/event-descriptor.js'
import type { FewDescriptors } from '../fixtures/few-descriptors.js'
import { fixture } from '../support/paths.js'
import { descriptors } from '../support/processes.js'

const { EAGAIN, EMFILE } = constants.errno
const run = promisify(execFile)

test('what is put in comes out in its order and with its mark, and nothing stays open', () => {
  const before = descriptors(process.pid).length
  const ends = openDescriptorSockets()
  const scoreboard = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
  const mailbox = new Mailbox(ends, scoreboard)
  assert.not(mailbox.mayHold)
  const event = openEventDescriptor()
  signalEvent(event)
  assert.ok(mailbox.put(event))
  assert.ok(mailbox.put(resumed(event)))
  assert.is(countWaiting(ends.receiveEnd), 2)
  assert.ok(mailbox.mayHold)
  const first = mailbox.take()
  const second = mailbox.take()
  assert.not(isResumed(first))
  assert.ok(isResumed(second))
  assert.not(mailbox.mayHold)
  assert.is(mailbox.take(), -1)
  assert.is(mailbox.lastError, EAGAIN)
  for (const fd of [first, descriptorOf(second), event, ends.sendEnd, ends.receiveEnd])
    closeDescriptor(fd)
  assert.is(descriptors(process.pid).length, before)
})

test('a full mailbox says so and loses nothing', () => {
  const ends = openDescriptorSockets()
  const mailbox = new Mailbox(ends, new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES)))
  const event = openEventDescriptor()
  let mails = 0
  while (mailbox.put(event)) mails++
  assert.is(countWaiting(ends.receiveEnd), mails)
  for (let mail = 0; mail < mails; mail++) closeDescriptor(mailbox.take())
  assert.not(mailbox.mayHold)
  for (const fd of [event, ends.sendEnd, ends.receiveEnd]) closeDescriptor(fd)
})

test('a process that has no descriptor left leaves mails where they are', async () => {
  const program = `ulimit -n 64 && exec "$0" "$1"`
  const args = ['-c', program, process.execPath, fixture('few-descriptors')]
  const { stdout } = await run('/bin/sh', args, { timeout: 60_000 })
  const seen: FewDescriptors = JSON.parse(stdout)
  assert.equal(seen.full, [-1, EMFILE, 1])
  assert.ok(seen.isResumed)
  console.log(`${seen.taken} of ${seen.mails} mails taken, ${seen.refused} times without a number`)
  assert.is(seen.taken, seen.mails)
})

test.run()
