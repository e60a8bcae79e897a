import { parentPort, workerData } from 'node:worker_threads'
import { serializeError } from '../shared/errors.js'
import type { Report } from '../shared/messages-to-parent.js'
import { nameThread } from '../shared/thread-name.js'
import type { ListenerStart } from '../shared/thread-starts.js'
import { acceptShortage } from '../sync/accept-shortage.js'
import { Acceptor } from '../sync/acceptor.js'
import { ClearHttp } from '../sync/clear-http.js'
import { createMutexMechanism } from '../sync/create-mechanism.js'
import { HandOff } from '../sync/hand-off.js'
import { LateRefusal } from '../sync/late-refusal.js'
import { Mailbox } from '../sync/mailbox.js'
import { Scoreboard } from '../sync/scoreboard.js'
import { giveBackMemory } from '../sys/give-back-memory.js'
import { PollSet } from '../sys/poll.js'
import { Intake } from './intake.js'
import { keepInQueue } from './keep-in-queue.js'
import { runMutexLoop } from './mutex-loop.js'

// The listener thread of a child. It never runs an event loop: it sleeps in Atomics.wait, flock or poll.
const start = workerData as ListenerStart
nameThread('ft-listener')
const { slot, memory, wakeDescriptor } = start
const scoreboard = Scoreboard.map(start.scoreboard)
const mailbox = start.mailbox === undefined ? undefined : new Mailbox(start.mailbox, scoreboard)
const acceptor = new Acceptor(start.mechanism.listeners, mailbox, memory)

const onShortage = (errorNumber: number): void => {
  const error = serializeError(acceptShortage(errorNumber))
  parentPort?.postMessage({ type: 'report', error } satisfies Report)
}
const intakeOf = (handOff: HandOff): Intake => {
  const { queueTimeout } = start
  const clearHttp = new ClearHttp(memory)
  const terms = { slot, acceptor, handOff, scoreboard }
  const lateRefusal = new LateRefusal({
    ...terms,
    queueTimeout,
    mailbox,
    clearHttp,
    keep: keepInQueue(handOff),
  })
  return new Intake({ ...terms, wakeDescriptor, lateRefusal, onShortage })
}

await giveBackMemory()

const mechanism = createMutexMechanism(start.mechanism, memory, acceptor)
const handOff = new HandOff(memory, scoreboard, slot, mechanism)
const poll = new PollSet([...acceptor.watched, wakeDescriptor])
runMutexLoop(intakeOf(handOff), handOff, mechanism, poll)
