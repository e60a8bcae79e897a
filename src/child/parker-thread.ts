import { Worker } from 'node:worker_threads'
import { fail, type SerializedError, serializeError } from '../errors.js'
import type { ParkerStart } from '../messages.js'
import { LockOwner } from '../sync/child-memory.js'
import { resumed } from '../sync/entry.js'
import type { HandOff } from '../sync/hand-off.js'
import type { Parking } from '../sync/parking.js'
import { closeDescriptor } from '../sys/descriptor.js'
import { peekConnection } from '../sys/socket.js'

/** One that dies is started again ever later, should it die again and again. */
const SHORTEST_RESTART_MS = 10
const LONGEST_RESTART_MS = 1000

/** The parker of this child, seen from its main thread. It is started when the first connection could be parked. */
export class ParkerThread {
  readonly #start: ParkerStart
  readonly #parking: Parking
  readonly #handOff: HandOff
  readonly #report: (error: SerializedError) => void
  #worker: Worker | undefined
  #exited: Promise<void> = Promise.resolve()
  #restartMs = SHORTEST_RESTART_MS
  #restart: NodeJS.Timeout | undefined
  #isStopping = false

  constructor(
    start: ParkerStart,
    parking: Parking,
    handOff: HandOff,
    report: (error: SerializedError) => void,
  ) {
    this.#start = start
    this.#parking = parking
    this.#handOff = handOff
    this.#report = report
  }

  /** Starts it, unless it runs already. */
  start(): void {
    if (this.#worker !== undefined || this.#restart !== undefined || this.#isStopping) return
    const worker = new Worker(new URL('../parker/main.js', import.meta.url), {
      workerData: this.#start,
      // The user's flags are for the user's code.
      execArgv: [],
      trackUnmanagedFds: false,
    })
    this.#worker = worker
    worker.once('error', (error: unknown) => {
      const why = error instanceof Error ? (error.stack ?? error.message) : String(error)
      this.#report(serializeError(fail('FT_ERR_PARKER_DIED', [process.pid, why], error)))
    })
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve(this.#gone())))
  }

  /** A worker thread has died, perhaps while it parked something. */
  searchParked(): void {
    this.#parking.search()
  }

  /**
   * Ends it, for a child that stops already: nobody parks any more. Closes what is idle; what has a request is
   * queued for this child's own threads.
   */
  async stop(): Promise<void> {
    this.#isStopping = true
    clearTimeout(this.#restart)
    this.#parking.rouse()
    await this.#exited
    const readable: number[] = []
    this.#parking.each((fd) => {
      const has = peekConnection(fd)
      if (this.#parking.claim(fd) === 0) return
      if (has === 'bytes') readable.push(fd)
      else closeDescriptor(fd)
    })
    for (const fd of readable) await this.#handOff.offerLater(LockOwner.control, resumed(fd))
  }

  /** What it had in hand goes to the threads; what it had yet to hand on, its successor finds. */
  async #gone(): Promise<void> {
    this.#worker = undefined
    await this.#handOff.recoverParker(LockOwner.control, (fd) => this.#parking.isParked(fd))
    if (this.#isStopping) return
    this.#restart = setTimeout(() => {
      this.#restart = undefined
      this.start()
    }, this.#restartMs)
    this.#restartMs = Math.min(this.#restartMs * 2, LONGEST_RESTART_MS)
  }
}
