import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WayOfLeaving } from '../shared/messages-to-worker.js'
import type { KeepAlive } from '../shared/terms.js'
import type { Parking } from '../sync/parking.js'
import type { Activity } from './activity.js'
import { CleanConnections, countListeners } from './clean-connection.js'
import type { Departures } from './departures.js'
import { diagnostics } from './diagnostics.js'
import { hasGivenPeer } from './peer-address.js'
import type { RootContext } from './root-context.js'

/** How long a thread that leaves waits for a parker to start, at most, and how often it looks. */
const PARKER_START_MS = 500
const LOOK_AGAIN_MS = 5

/** How long a thread that leaves tries to give away connections without one that goes: then nobody has room for them. */
const MOVE_PATIENCE_MS = 5000

export interface IdleConnectionsOptions {
  readonly thread: number
  readonly keepAlive: KeepAlive
  readonly parking: Parking
  /** To the processes that stay when this one leaves. */
  readonly departures: Departures | undefined
  readonly activity: Activity
  readonly root: RootContext
  /** The connections of this thread. */
  readonly connections: Iterable<Socket>
  /** Called once, when the first connection could be parked, but nobody looks after parked ones yet. */
  readonly askForParker: () => void
  /** Called when it has turned out, after `leaves`, that nobody takes them. */
  readonly stuck: () => void
}

/**
 * What becomes of the idle keep-alive connections of this thread: they stay, or they are parked for any thread to resume. When the thread
 * leaves, they are parked with its process, or move to another one when that leaves, too.
 */
export class IdleConnections {
  readonly #options: IdleConnectionsOptions
  readonly #clean: CleanConnections
  /** Of a connection that nobody has touched but Node and this program. */
  #usualListeners = 0
  #hasAsked = false
  /** Those that were idle when the thread went over to parking have been parked. */
  #isSwept = false
  /** Where they are to go, since the thread leaves. */
  #way: 'process' | 'pool' | undefined
  /** Those that could not. */
  readonly #stays = new WeakSet<Socket>()
  #retries: NodeJS.Timeout | undefined
  /** Since when none could go. */
  #fullSince: number | undefined

  constructor(server: Server, options: IdleConnectionsOptions) {
    this.#clean = new CleanConnections(server)
    this.#options = options
    options.departures?.onStuck(this.#stuck)
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
    if (this.#to !== undefined) {
      if (request.complete && !this.#go(request.socket)) this.#retry()
      return
    }
    if (keepAlive !== 'park' && !activity.blocks) {
      this.#isSwept = false
      return
    }
    if (!parking.orders.isOpen) {
      this.#ask()
      return
    }
    if (!this.#isSwept) {
      this.#isSwept = true
      // What it closes may bring the next connections.
      root.run(setImmediate, this.#sweep)
    }
    if (request.complete) this.#parkUsed(request.socket)
  }

  /** The thread leaves: from here on `goesOn` tells which connections others will go on with. */
  leaves({ to }: WayOfLeaving): void {
    const { departures } = this.#options
    this.#way = to === 'process' || (to === 'pool' && departures !== undefined) ? to : undefined
  }

  /**
   * Where they go now: a thread that leaves by itself leaves them to its process, and when that leaves before it, to the pool. The way out of
   * the process shows before the end of parking does. It may change once more, when nobody is left to move to.
   */
  get #to(): 'process' | 'pool' | undefined {
    const { parking, departures } = this.#options
    if (this.#way === 'process' && !parking.orders.isStopping) return 'process'
    if (this.#way === undefined || departures === undefined || departures.isStuck) return undefined
    return parking.orders.moves ? 'pool' : undefined
  }

  /** Whether this connection is given to somebody else when it is idle, as far as can be told before. */
  goesOn(socket: Socket): boolean {
    // A parker that does not run yet will, by `giveAway`.
    return this.#to !== undefined && !this.#stays.has(socket)
  }

  /**
   * After `leaves`: gives away what is idle now. What becomes idle later goes then. Not to be called from within a parser.
   *
   * If only the thread leaves, the other threads of its process are to go on, by the parker: without one until now it waits
   * for one a moment. A parker costs a thread, but the one that leaves cost more.
   */
  async giveAway(): Promise<void> {
    const { connections, parking } = this.#options
    const [first] = connections
    if (first === undefined || this.#to === undefined) return
    if (this.#to === 'process') {
      this.#ask()
      const endsAt = performance.now() + PARKER_START_MS
      while (!parking.orders.isOpen && !parking.orders.isStopping && performance.now() < endsAt)
        await sleep(LOOK_AGAIN_MS)
    }
    this.#sweepOut()
  }

  /** The thread has no connections any more, or closes those that it has. */
  close(): void {
    clearTimeout(this.#retries)
  }

  /** Only Node and this program have touched it, and the kernel's idea of its peer is the right one. */
  #isUsual(socket: Socket): boolean {
    return countListeners(socket) === this.#usualListeners && !hasGivenPeer(socket)
  }

  #parkUsed(socket: Socket): void {
    const fd = this.#clean.descriptor(socket)
    if (fd >= 0 && this.#isUsual(socket)) this.#park(socket, fd)
  }

  #park(socket: Socket, fd: number): boolean {
    // Closes this thread's descriptor. The connection lives on in the other one, so nothing is sent.
    if (!this.#options.parking.park(this.#options.thread, fd)) return false
    if (diagnostics.connectionPark.hasSubscribers) diagnostics.connectionPark.publish({ socket })
    socket.destroy()
    return true
  }

  /** False if it is idle, and can't go at this moment. One that is not idle goes later. */
  #go(socket: Socket): boolean {
    const { parking, departures } = this.#options
    const fd = this.#movable(socket)
    if (fd < 0) return true
    if (this.#to === 'process') {
      if (this.#park(socket, fd)) {
        this.#fullSince = undefined
        return true
      }
      // There is no number for it, or it can't be watched.
      if (parking.orders.isOpen) this.#stays.add(socket)
    }
    if (this.#stays.has(socket)) return true
    // The process may have begun to leave in this very moment.
    if (this.#to !== 'pool') return this.#to === undefined
    // See `Transfer`: from the look to the end of the socket no event loop runs, so nothing more is read here.
    if (departures?.send(fd) !== true) return false
    this.#fullSince = undefined
    if (diagnostics.connectionMove.hasSubscribers) diagnostics.connectionMove.publish({ socket })
    socket.destroy()
    return true
  }

  /** The descriptor of one that can move now, -1 if it can't. */
  #movable(socket: Socket): number {
    if (this.#stays.has(socket)) return -1
    const used = this.#clean.descriptor(socket)
    const fd = used >= 0 ? used : this.#clean.unusedDescriptor(socket)
    if (fd < 0 || this.#isUsual(socket)) return fd
    // Idle, and yet the app still holds it.
    this.#stays.add(socket)
    return -1
  }

  readonly #sweepOut = (): void => {
    for (const socket of [...this.#options.connections])
      if (!this.#go(socket)) {
        this.#retry()
        return
      }
  }

  /** The transfer is full, as a rule for a moment; or there is no parker yet. */
  #retry(): void {
    const { root, departures } = this.#options
    clearTimeout(this.#retries)
    this.#fullSince ??= performance.now()
    if (performance.now() - this.#fullSince < MOVE_PATIENCE_MS) {
      this.#retries = root.run(setTimeout, this.#sweepOut, LOOK_AGAIN_MS)
      return
    }
    if (this.#to === 'pool') departures?.giveUp()
    else this.#allStay()
  }

  /** They are asked to go by their next response. */
  #allStay(): number {
    let count = 0
    for (const socket of this.#options.connections) {
      if (this.#movable(socket) < 0) continue
      this.#stays.add(socket)
      count++
    }
    return count
  }

  /** Nobody takes them. */
  readonly #stuck = (): void => {
    const { departures, stuck } = this.#options
    clearTimeout(this.#retries)
    if (this.#way === undefined) return
    departures?.stayed(this.#allStay())
    stuck()
  }

  /** No parser runs in an immediate or a timer, so whatever looks clean is. */
  readonly #sweep = (): void => {
    for (const socket of [...this.#options.connections]) {
      if (!this.#options.parking.orders.isOpen) return
      this.#parkUsed(socket)
    }
  }

  #ask(): void {
    if (this.#hasAsked) return
    this.#hasAsked = true
    this.#options.askForParker()
  }
}
