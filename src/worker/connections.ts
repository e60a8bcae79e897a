import type { Socket } from 'node:net'
import { descriptorOf, isResumed, listenerOf } from '../sync/entry.js'
import type { HandOff } from '../sync/hand-off.js'
import type { Scoreboard } from '../sync/scoreboard.js'
import type { AccessLog } from './access-log.js'
import type { Activity } from './activity.js'
import type { Departures } from './departures.js'
import { diagnostics } from './diagnostics.js'
import type { Answer, FrontDoor } from './front-door.js'
import type { ProxyHeaders } from './proxy-headers.js'
import type { RequestMeter } from './request-meter.js'
import type { RootContext } from './root-context.js'
import { type AcceptOptions, wrapDescriptor } from './wrap-descriptor.js'

/** What `net.Server` sets on the sockets that it accepts; servers carry these settings themselves. */
export interface SocketSettings {
  readonly allowHalfOpen?: boolean
  readonly noDelay?: boolean
  readonly keepAlive?: boolean
  /** In seconds, as Node keeps it. */
  readonly keepAliveInitialDelay?: number
  readonly highWaterMark?: number
  readonly pauseOnConnect?: boolean
}

/** What becomes of a connection. */
export interface ConnectionEvents {
  /** In an async context of its own, before anything was read; `listener` is the number of its listener, -1 if it was parked. */
  readonly opened: (socket: Socket, listener: number) => void
  readonly closed?: (socket: Socket) => void
  /** Whether there are too many already. */
  readonly refuses?: (socket: Socket) => boolean
  /** Whether it may not come from there. */
  readonly blocks?: (socket: Socket) => boolean
  /** What those are told that the pool turns away. */
  readonly answer: Answer
}

/** What the connections of all services of this thread have in common. */
export interface ThreadTerms {
  readonly thread: number
  readonly handOff: HandOff
  readonly activity: Activity
  readonly scoreboard: Scoreboard
  readonly frontDoor: FrontDoor
  readonly root: RootContext
  /** Reads the header that connections from this listener begin with. */
  readonly proxyHeaders: (listener: number) => ProxyHeaders | undefined
  readonly accessLog: AccessLog | undefined
  readonly meter: RequestMeter
  /** To the processes that stay when this one leaves, where there is a way. */
  readonly departures: Departures | undefined
}

/**
 * The open connections of one service of this thread: wraps descriptors from the hand-off as sockets of this event loop, and
 * keeps their number.
 */
export class Connections {
  readonly #open = new Set<Socket>()
  readonly #terms: ThreadTerms
  readonly #settings: SocketSettings
  readonly #options: AcceptOptions
  readonly #events: ConnectionEvents
  #whenEmpty: (() => void) | undefined

  constructor(terms: ThreadTerms, settings: SocketSettings, events: ConnectionEvents) {
    this.#terms = terms
    this.#settings = settings
    this.#options = constructorOptions(settings)
    this.#events = events
  }

  [Symbol.iterator](): IterableIterator<Socket> {
    return this.#open.values()
  }

  /** Makes the descriptor of an entry a connection. Closes it if it can't be a socket. Whose code is running now is no matter. */
  open(entry: number): void {
    this.#terms.root.run(this.#begin, entry)
  }

  /** Resolves when none is left. */
  async closed(): Promise<void> {
    if (this.#open.size === 0) return
    await new Promise<void>((resolve) => {
      this.#whenEmpty = resolve
    })
  }

  readonly #begin = (entry: number): void => {
    const { thread, handOff, activity, frontDoor, proxyHeaders } = this.#terms
    const { answer } = this.#events
    const fd = descriptorOf(entry)
    handOff.queue.unhand(thread)
    const wait = frontDoor.admit(entry, fd, answer)
    if (wait === undefined) {
      // Not at once: the thread would take the next one from within this call, and a long queue would overflow its stack.
      setImmediate(() => activity.connectionFailed())
      return
    }
    const { waitedMs, isTcp } = wait
    const socket = this.#wrap(fd, isTcp)
    if (socket === undefined) {
      activity.connectionFailed()
      return
    }
    this.#open.add(socket)
    activity.connectionOpened(socket, !isResumed(entry))
    socket.on('close', this.#onClosed)
    if (!frontDoor.opened(socket, entry, waitedMs, answer)) return
    const listener = listenerOf(entry)
    if (diagnostics.connectionOpen.hasSubscribers) {
      const isNew = !isResumed(entry)
      diagnostics.connectionOpen.publish({ socket, listener, isNew, waitedMs })
    }
    const headers = proxyHeaders(listener)
    if (headers === undefined) this.#opened(socket, listener)
    else headers.read(socket, fd, () => this.#opened(socket, listener))
  }

  #opened(socket: Socket, listener: number): void {
    if (this.#events.blocks?.(socket) === true) socket.destroy()
    else this.#events.opened(socket, listener)
  }

  #wrap(fd: number, isTcp: boolean): Socket | undefined {
    const { noDelay, keepAlive, keepAliveInitialDelay = 0 } = this.#settings
    const socket = wrapDescriptor(fd, isTcp, this.#options)
    if (socket === undefined) return undefined
    if (this.#events.refuses?.(socket) === true) {
      socket.destroy()
      return undefined
    }
    // Without it small responses wait for the acknowledgement of earlier ones (Nagle).
    if (noDelay === true) socket.setNoDelay(true)
    if (keepAlive === true) socket.setKeepAlive(true, keepAliveInitialDelay * 1000)
    return socket
  }

  /** One function for all sockets, which are its `this`. */
  readonly #onClosed = ((connections: Connections) =>
    function (this: Socket): void {
      connections.#open.delete(this)
      connections.#events.closed?.(this)
      connections.#terms.activity.connectionClosed(this, this.bytesWritten)
      if (connections.#open.size === 0) connections.#whenEmpty?.()
    })(this)
}

function constructorOptions(settings: SocketSettings): AcceptOptions {
  const { allowHalfOpen = false, highWaterMark, pauseOnConnect = false } = settings
  return {
    allowHalfOpen,
    pauseOnCreate: pauseOnConnect,
    readableHighWaterMark: highWaterMark,
    writableHighWaterMark: highWaterMark,
  }
}
