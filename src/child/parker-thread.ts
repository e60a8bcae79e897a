import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { entryFile } from '../shared/entry-files.js'
import { fail, type SerializedError, serializeError } from '../shared/errors.js'
import type { StartChild } from '../shared/messages-to-child.js'
import { RestartDelay } from '../shared/restart-delay.js'
import type { ParkerStart } from '../shared/thread-starts.js'
import { LockOwner } from '../sync/child-memory.js'
import { resumed } from '../sync/entry.js'
import type { HandOff } from '../sync/hand-off.js'
import { WayOut } from '../sync/parker-orders.js'
import { Parking } from '../sync/parking.js'
import { Transfer } from '../sync/transfer.js'
import { TransitWatch } from '../sync/transit-watch.js'
import { closeDescriptor } from '../sys/descriptor.js'
import { Epoll } from '../sys/epoll.js'
import { peekConnection } from '../sys/socket.js'
import type { Shared } from './open-shared.js'

/** How often to look whether all have gone, and for how long without one that goes. */
const LEAVE_LOOK_MS = 10
const LEAVE_PATIENCE_MS = 2000
/** The same where a parker may have to start, here and there. */
const MOVE_PATIENCE_MS = 5000

/**
 * The parker of this child, seen from its main thread. It is started when the first connection could be parked.
 *
 * One that dies is started again, after a delay as with everything that dies. Meanwhile what is parked waits for it; unless it has not
 * even come to watch anything: then there may be none for long, so nothing is parked any more until one
 * runs, and what is parked goes to the threads.
 */
export class ParkerThread {
  readonly #start: ParkerStart
  readonly #parking: Parking
  readonly #transfer: Transfer | undefined
  readonly #handOff: HandOff
  readonly #report: (error: SerializedError) => void
  #worker: Worker | undefined
  #startedAt = 0
  #exited: Promise<void> = Promise.resolve()
  readonly #delay = new RestartDelay({ wait: () => undefined, over: () => this.start() })
  #isStopping = false
  #closesIdle = false

  constructor(
    start: ParkerStart,
    parking: Parking,
    transfer: Transfer | undefined,
    handOff: HandOff,
    report: (error: SerializedError) => void,
  ) {
    this.#start = start
    this.#parking = parking
    this.#transfer = transfer
    this.#handOff = handOff
    this.#report = report
  }

  /** Starts it, unless it runs already. */
  start(): void {
    if (this.#worker !== undefined || this.#delay.isWaiting || this.#isStopping) return
    this.#startedAt = performance.now()
    this.#parking.orders.close()
    const worker = new Worker(entryFile('parker/main.js'), {
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

  /** Others leave: takes over what they had parked, or leaves it to the rest. */
  receive(takes: boolean): void {
    this.#parking.orders.yieldArrivals(!takes)
    if (takes) this.start()
  }

  /** A worker thread has ended, perhaps while it parked something. */
  recover(thread: number): void {
    const fd = this.#parking.recoverReserved(thread)
    if (fd >= 0) void this.#queue(fd)
    if (this.#worker !== undefined || this.#parking.orders.isOpen) this.#parking.orders.search()
    // Nobody searches: it noted a connection when parking was over, and did not come to take it back.
    else void this.#empty()
  }

  /**
   * The child leaves, and what is parked goes before it: to other processes, or, when the pool ends, each when it has been idle for
   * `shutdownIdleTimeout`. Meanwhile the threads serve requests as ever. Resolves with true when all are gone, and those that move have been
   * taken; with false when nobody takes them, or will, or it takes longer than `mostMs`. (What a thread parks in the very moment goes on going.)
   */
  async sendOut(way: 'move' | 'moveAll' | 'close', mostMs: number): Promise<boolean> {
    const moves = way !== 'close'
    // What threads hand back from here on goes the same way.
    this.#parking.orders.sendOut(WayOut[way])
    if (this.parkedCount > 0) this.start()
    const { shutdownIdleTimeout } = this.#start
    const patienceMs = moves ? MOVE_PATIENCE_MS : shutdownIdleTimeout + LEAVE_PATIENCE_MS
    const transit = moves && this.#transfer ? new TransitWatch(this.#transfer, mostMs) : undefined
    const endsAt = performance.now() + mostMs
    let before = 0
    let giveUpAt = 0
    for (;;) {
      if (moves && !this.#parking.orders.moves) return false
      const left = this.parkedCount + (moves ? (this.#transfer?.waiting ?? 0) : 0)
      if (left === 0) return true
      const now = performance.now()
      if (transit?.isStuck(now) === true || now >= endsAt) return false
      // More is a sign as good as less: requests come and go meanwhile.
      if (left !== before) giveUpAt = now + patienceMs
      else if (now >= giveUpAt) return false
      before = left
      await sleep(LEAVE_LOOK_MS)
    }
  }

  /** The others leave, too, after this child has begun to: nobody looks into the mailbox any more, or goes on with connections. */
  redirect(way: 'moveAll' | 'close'): void {
    // What has not begun will begin so.
    if (this.#parking.orders.moves) this.#parking.orders.sendOut(WayOut[way])
  }

  /** Nobody has room for what is on its way: it is this child's again, and goes to its threads. Resolves with how many there were. */
  async takeBack(): Promise<number> {
    let taken = 0
    for (let left = this.#transfer?.waiting ?? 0; left > 0; left--) {
      const { fd } = this.#transfer?.take() ?? { fd: -1 }
      if (fd < 0) break
      taken++
      await this.#queue(fd)
    }
    return taken
  }

  get parkedCount(): number {
    return this.#parking.count
  }

  /**
   * Ends it, for a child that stops already: nobody parks any more. What has a request is queued for this child's own threads. What is
   * idle is closed; or, if that can wait, queued as well: a thread may have parked it after all had moved, its client may be
   * sending the next request, and the thread that takes it moves it when it leaves, or asks it to go.
   */
  async stop(idle: 'close' | 'queue'): Promise<void> {
    this.#isStopping = true
    this.#closesIdle = idle === 'close'
    this.#delay.stop()
    this.#parking.orders.stop()
    await this.#exited
    await this.#empty()
  }

  /** What it had in hand goes to the threads; what it had yet to hand on, its successor finds. */
  async #gone(): Promise<void> {
    this.#worker = undefined
    await this.#handOff.recoverParker(LockOwner.control, (fd) => this.#parking.isClaimed(fd))
    if (this.#isStopping) return
    if (this.#parking.orders.isOpen) {
      this.#delay.died('the parker', performance.now() - this.#startedAt)
      return
    }
    this.#delay.startFailed()
    await this.#empty()
  }

  /**
   * Nobody parks any more, and no parker runs: queues what has a request, and closes what is over; what is idle as well, if that was asked for.
   */
  async #empty(): Promise<void> {
    const wanted: number[] = []
    this.#parking.each((fd) => {
      // Looked at before it is claimed: a thread that takes it back keeps it.
      const has = peekConnection(fd)
      const since = this.#parking.parkedSince(fd)
      if (since === 0 || !this.#parking.claim(fd, since)) return
      this.#parking.unwatch(fd)
      if (has === 'bytes' || (has === 'nothing' && !this.#closesIdle)) wanted.push(fd)
      else closeDescriptor(fd)
    })
    for (const fd of wanted) await this.#handOff.offerLater(LockOwner.control, resumed(fd))
  }

  /** Of a thread that died before the connection was under the number that it had reserved, this is no socket. */
  async #queue(fd: number): Promise<void> {
    if (peekConnection(fd) === 'end') closeDescriptor(fd)
    else await this.#handOff.offerLater(LockOwner.control, resumed(fd))
  }
}

/** Of this child, if connections may be parked in it. */
export function parkerThread(
  start: StartChild,
  { mechanism, parking, memory, handOff, scoreboard }: Shared,
  report: (error: SerializedError) => void,
): ParkerThread | undefined {
  const { slot, mailbox, transfer, timeouts, shutdownIdleTimeout } = start
  if (mailbox === undefined || parking === undefined) return undefined
  const { keepAliveTimeout } = timeouts
  const terms = {
    ...{ slot, mechanism, mailbox, parking, transfer, memory, scoreboard: start.scoreboard },
    ...{ keepAliveTimeout, shutdownIdleTimeout },
  }
  const parked = new Parking(memory, new Epoll(parking.epoll), parking.wake)
  const way = transfer && new Transfer(transfer, scoreboard)
  return new ParkerThread(terms, parked, way, handOff, report)
}
