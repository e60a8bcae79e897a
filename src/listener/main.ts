import { parentPort, workerData } from 'node:worker_threads'
import { fail, serializeError } from '../errors.js'
import type { ListenerStart, Report } from '../messages.js'
import { AcceptMutex } from '../sync/accept-mutex.js'
import { HandOff } from '../sync/hand-off.js'
import { SCOREBOARD_BYTES, Scoreboard } from '../sync/scoreboard.js'
import { errnoName } from '../sys/libc.js'
import { mapSharedMemory } from '../sys/memory.js'
import { AcceptLoop } from './accept-loop.js'

// The listener thread of a child. It never runs an event loop: it sleeps in Atomics.wait, flock or poll.
const start = workerData as ListenerStart
const scoreboard = new Scoreboard(mapSharedMemory(start.scoreboard, SCOREBOARD_BYTES))
const mutex = new AcceptMutex(start.lockPath)

new AcceptLoop({
  slot: start.slot,
  listeners: start.listeners,
  wakeDescriptor: start.wakeDescriptor,
  mutex,
  handOff: new HandOff(start.memory, scoreboard.words, scoreboard.idleIndex(start.slot)),
  scoreboard,
  onShortage: (errorNumber) => {
    const context = 'connections wait in the backlog until it is over'
    const error = fail('FT_ERR_SYSTEM', ['accept', errnoName(errorNumber), context])
    parentPort?.postMessage({ type: 'report', error: serializeError(error) } satisfies Report)
  },
}).run()

mutex.close()
