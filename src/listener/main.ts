import { parentPort, workerData } from 'node:worker_threads'
import { fail, serializeError } from '../shared/errors.js'
import type { Report } from '../shared/messages-to-parent.js'
import { nameThread } from '../shared/thread-name.js'
import type { ListenerStart } from '../shared/thread-starts.js'
import { Acceptor } from '../sync/acceptor.js'
import { ClearHttp } from '../sync/clear-http.js'
import { createExclusiveMechanism, createMutexMechanism } from '../sync/create-mechanism.js'
import { HandOff } from '../sync/hand-off.js'
import { Mailbox } from '../sync/mailbox.js'
import { Scoreboard } from '../sync/scoreboard.js'
import { Epoll } from '../sys/epoll.js'
import { giveBackMemory } from '../sys/give-back-memory.js'
import { errnoName } from '../sys/libc.js'
import { PollSet } from '../sys/poll.js'
import { runExclusiveLoop } from './exclusive-loop.js'
import { Intake } from './intake.js'
import { LateRefusal } from './late-refusal.js'
import { runMutexLoop } from './mutex-loop.js'

// The listener thread of a child. It never runs an event loop: it sleeps in Atomics.wait, flock, poll or epoll.
const start = workerData as ListenerStart
nameThread('ft-listener')
const { slot, memory, wakeDescriptor } = start
const terms = start.mechanism
const scoreboard = Scoreboard.map(start.scoreboard)
const mailbox = start.mailbox === undefined ? undefined : new Mailbox(start.mailbox, scoreboard)
const acceptor = new Acceptor(terms.listeners, mailbox, memory)

const onShortage = (errorNumber: number): void => {
  const context = 'connections wait in the backlog until it is over'
  const error = fail('FT_ERR_SYSTEM', ['accept', errnoName(errorNumber), context])
  parentPort?.postMessage({ type: 'report', error: serializeError(error) } satisfies Report)
}
const intakeOf = (handOff: HandOff): Intake => {
  const { queueTimeout } = start
  const clearHttp = new ClearHttp(memory)
  const terms = { slot, acceptor, handOff, scoreboard }
  const lateRefusal = new LateRefusal({ ...terms, queueTimeout, mailbox, clearHttp })
  return new Intake({ ...terms, wakeDescriptor, lateRefusal, onShortage })
}

await giveBackMemory()

if (terms.kind === 'mutex') {
  const mechanism = createMutexMechanism(terms, memory, acceptor)
  const handOff = new HandOff(memory, scoreboard, slot, mechanism)
  const poll = new PollSet([...acceptor.watched, wakeDescriptor])
  runMutexLoop(intakeOf(handOff), handOff, mechanism, poll)
} else {
  const mechanism = createExclusiveMechanism(terms, memory, acceptor)
  const handOff = new HandOff(memory, scoreboard, slot, mechanism)
  const epoll = new Epoll(terms.epoll)
  epoll.add(wakeDescriptor, false)
  const intake = intakeOf(handOff)
  const { passOn } = terms
  // It begins disarmed.
  mechanism.disarm()
  runExclusiveLoop({ intake, handOff, mechanism, acceptor, epoll, passOn })
}
