import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KeepAlive } from '../shared/messages.js'
import type { Parking } from '../sync/parking.js'
import type { Activity } from './activity.js'
import { CleanConnections, countListeners } from './clean-connection.js'
import { diagnostics } from './diagnostics.js'
import { hasGivenPeer } from './peer-address.js'
import type { RootContext } from './root-context.js'

/** How long a thread that leaves waits for a parker to start, at most, and how often it looks. */
const PARKER_START_MS = 500
const LOOK_AGAIN_MS = 5

export interface IdleConnectionsOptions {
  readonly thread: number
  readonly keepAlive: KeepAlive
  readonly parking: Parking
  readonly activity: Activity
  readonly root: RootContext
  /** The connections of this thread. */
  readonly connections: Iterable<Socket>
  /** Called once, when the first connection could be parked, but nobody looks after parked ones yet. */
  readonly askForParker: () => void
}

/** What becomes of the idle keep-alive connections of this thread: they stay, or they are parked for any thread to resume. */
export class IdleConnections {
  readonly #options: IdleConnectionsOptions
  readonly #clean: CleanConnections
  /** Of a connection that nobody has touched but Node and this program. */
  #usualListeners = 0
  #hasAsked = false
  /** Those that were idle when the thread went over to parking have been parked. */
  #isSwept = false

  constructor(server: Server, options: IdleConnectionsOptions) {
    this.#clean = new CleanConnections(server)
    this.#options = options
    if (options.keepAlive === 'park') this.#ask()
  }

  /** A connection was taken and has all its listeners. */
  opened(socket: Socket): void {
    this.#clean.learn(socket)
    if (this.#usualListeners === 0) this.#usualListeners = countListeners(socket)
  }

  /** The response of a request was closed. Parks the connection if it is to be parked and can be. */
  responseClosed(request: IncomingMessage): void {
    const { keepAlive, parking, activity, root } = this.#options
    if (keepAlive !== 'park' && !activity.blocks) {
      this.#isSwept = false
      return
    }
    if (!parking.isOpen) {
      this.#ask()
      return
    }
    if (!this.#isSwept) {
      this.#isSwept = true
      // What it closes may bring the next connections.
      root.run(setImmediate, this.#sweep)
    }
    if (request.complete) this.#park(request.socket)
  }

  /**
   * The thread leaves, its child stays: parks what is idle, for the other threads to resume. Without a parker until now it waits
   * for one a moment; what is not parked then, or can't be, is the caller's to close. Not to be called from within a parser.
   *
   * A parker costs a thread, but the one that leaves cost more.
   */
  async parkAll(): Promise<void> {
    const { connections, parking } = this.#options
    const [first] = connections
    if (first === undefined || parking.isStopping) return
    this.#ask()
    const endsAt = performance.now() + PARKER_START_MS
    while (!parking.isOpen && !parking.isStopping && performance.now() < endsAt)
      await sleep(LOOK_AGAIN_MS)
    this.#sweep()
  }

  #park(socket: Socket): void {
    const fd = this.#clean.descriptor(socket)
    if (fd < 0) return
    if (countListeners(socket) !== this.#usualListeners || hasGivenPeer(socket)) return
    // Closes this thread's descriptor. The connection lives on in the other one, so nothing is sent.
    if (!this.#options.parking.park(this.#options.thread, fd)) return
    if (diagnostics.connectionPark.hasSubscribers) diagnostics.connectionPark.publish({ socket })
    socket.destroy()
  }

  /** No parser runs in an immediate or a timer, so whatever looks clean is. */
  readonly #sweep = (): void => {
    for (const socket of [...this.#options.connections]) {
      if (!this.#options.parking.isOpen) return
      this.#park(socket)
    }
  }

  #ask(): void {
    if (this.#hasAsked) return
    this.#hasAsked = true
    this.#options.askForParker()
  }
}
