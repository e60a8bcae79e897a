import type { Socket } from 'node:net'
import type { Scoreboard } from '../sync/scoreboard.js'
import { emptyRow, type ThreadRow } from '../sync/thread-rows.js'

const COUNTED = Symbol('counted')

/** How many bytes of it are counted. */
interface CountedConnection {
  [COUNTED]?: number
}

/** This thread's row in the scoreboard, which it alone writes: what other processes see of it. */
export class OwnRow {
  readonly #slot: number
  readonly #thread: number
  readonly #scoreboard: Scoreboard
  /** What is published next. After a change of what not every request changes, call `changedRarely`. */
  readonly figures: ThreadRow = emptyRow('S')
  #isRareChanged = true
  #upgraded = 0
  /** Of the request that was begun last. */
  #target: string | undefined

  constructor(slot: number, thread: number, scoreboard: Scoreboard) {
    this.#slot = slot
    this.#thread = thread
    this.#scoreboard = scoreboard
  }

  changedRarely(): void {
    this.#isRareChanged = true
  }

  publish(): void {
    const { rows } = this.#scoreboard
    if (this.#isRareChanged) rows.write(this.#slot, this.#thread, this.figures)
    else rows.writeRequests(this.#slot, this.#thread, this.figures)
    this.#isRareChanged = false
  }

  /** What the thread begins can be seen at once. */
  requestStarted(method: string, target: string): void {
    this.#scoreboard.rows.writeRequest(this.#slot, this.#thread, method, target)
    this.#target = target
  }

  /** A handler names the route of a request; one of HTTP/2 may not say what it asks for. Only what was begun last is told of. */
  routeNamed(target: string | undefined, route: string): void {
    const isLast = target === undefined ? this.figures.inFlight === 1 : target === this.#target
    if (!isLast) return
    const number = this.#scoreboard.requests.routeNumber(route)
    this.#scoreboard.rows.writeRoute(this.#slot, this.#thread, number)
  }

  /** What a connection has written in all by now. Published with what comes next. */
  wrote(token: object, bytesWritten: number): void {
    const connection: CountedConnection = token
    this.figures.bytes += Math.max(bytesWritten - (connection[COUNTED] ?? 0), 0)
    connection[COUNTED] = bytesWritten
  }

  /** A connection has changed to another protocol, and stays with this thread until it ends. */
  connectionUpgraded(socket: Socket): void {
    const { rows } = this.#scoreboard
    rows.writeUpgraded(this.#slot, this.#thread, ++this.#upgraded)
    socket.once('close', () => rows.writeUpgraded(this.#slot, this.#thread, --this.#upgraded))
  }
}
