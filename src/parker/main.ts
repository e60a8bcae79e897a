import { workerData } from 'node:worker_threads'
import { nameThread } from '../shared/thread-name.js'
import type { ParkerStart } from '../shared/thread-starts.js'
import { Acceptor } from '../sync/acceptor.js'
import { createMechanism } from '../sync/create-mechanism.js'
import { HandOff } from '../sync/hand-off.js'
import { Mailbox } from '../sync/mailbox.js'
import { Parking } from '../sync/parking.js'
import { Scoreboard } from '../sync/scoreboard.js'
import { Transfer } from '../sync/transfer.js'
import { descriptorLimit } from '../sys/descriptor-limit.js'
import { Epoll } from '../sys/epoll.js'
import { Arrivals } from './arrivals.js'
import { Parker } from './parker.js'

// The parker of a child. It runs no event loop: it sleeps in epoll.
const start = workerData as ParkerStart
nameThread('ft-parker')
const { slot, memory, keepAliveTimeout, shutdownIdleTimeout } = start
const scoreboard = Scoreboard.map(start.scoreboard)
const mailbox = new Mailbox(start.mailbox, scoreboard)
const acceptor = new Acceptor(start.mechanism.listeners, mailbox, memory)
const mechanism = createMechanism(start.mechanism, memory, acceptor)
const handOff = new HandOff(memory, scoreboard, slot, mechanism)
const { wake } = start.parking
const epoll = new Epoll(start.parking.epoll)
epoll.add(wake, false)
const parking = new Parking(memory, epoll, wake)
const transfer = start.transfer && new Transfer(start.transfer, scoreboard)
const arrived = (): void => scoreboard.addToField(slot, 'moved', 1)
const mostDescriptors = descriptorLimit()
const arrivals =
  transfer && new Arrivals({ transfer, epoll, parking, handOff, arrived, mostDescriptors })
new Parker({
  ...{ slot, wake, keepAliveTimeout, shutdownIdleTimeout, transfer, arrivals },
  ...{ epoll, parking, handOff, mailbox, scoreboard },
}).run()
