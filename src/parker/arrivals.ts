import { constants as osConstants } from 'node:os'
import { LockOwner, PARKED_PLACES, PARKER_THREAD } from '../sync/child-memory.js'
import { resumed } from '../sync/entry.js'
import type { HandOff } from '../sync/hand-off.js'
import type { Parking } from '../sync/parking.js'
import type { Transfer } from '../sync/transfer.js'
import { closeDescriptor, duplicate } from '../sys/descriptor.js'
import type { Epoll } from '../sys/epoll.js'

/** So many at a turn: a request on what is parked already waits for no more than these. */
const BATCH = 32

/** Numbers that are left to new connections, and to what handlers open. */
const HEADROOM = 64

/** With so many beyond that, none can be lacking for what is taken, whatever other threads open while this one waits for a core. */
const PLENTY = 1024

/** How long to leave the transfer to others, without room. */
const PAUSE_MS = 1000

const { EMFILE } = osConstants.errno

export interface ArrivalsOptions {
  readonly transfer: Transfer
  readonly epoll: Epoll
  readonly parking: Parking
  readonly handOff: HandOff
  /** One more is parked here. */
  readonly arrived: () => void
  /** How many descriptors this process may have. */
  readonly mostDescriptors: number
}

/** The parker takes over the idle connections of processes that leave, as far as this one has room. */
export class Arrivals {
  readonly #options: ArrivalsOptions
  #resumeAt = Number.POSITIVE_INFINITY
  #isClosed = false

  constructor(options: ArrivalsOptions) {
    this.#options = options
    options.epoll.add(options.transfer.receiveEnd, false)
  }

  /** How long the parker may sleep at most. */
  get timeoutMs(): number {
    return Math.max(0, Math.ceil(this.#resumeAt - performance.now()))
  }

  /** Whether this descriptor is where they come from. */
  isAt(fd: number): boolean {
    return fd === this.#options.transfer.receiveEnd
  }

  /** Parks what has come. Returns those that can't be watched, which a thread shall have. */
  take(): number[] {
    const { transfer, handOff, parking, mostDescriptors } = this.#options
    const unwatched: number[] = []
    let lowest = this.#lowestNumber()
    if (lowest >= mostDescriptors - HEADROOM) {
      this.#pause()
      return unwatched
    }
    for (let taken = 0; taken < BATCH && !this.#isClosed; taken++) {
      const { fd, reason } = transfer.take(lowest < mostDescriptors - HEADROOM - PLENTY)
      if (fd < 0) {
        if (reason === EMFILE) this.#pause()
        break
      }
      lowest = fd
      if (fd >= PARKED_PLACES) {
        this.#giveToThread(fd)
        continue
      }
      parking.receive(fd)
      handOff.queue.hold(PARKER_THREAD, resumed(fd))
      parking.noteReceived(fd)
      handOff.queue.unhand(PARKER_THREAD)
      this.#options.arrived()
      if (!parking.watch(fd)) unwatched.push(fd)
      if (fd >= mostDescriptors - HEADROOM) {
        this.#pause()
        break
      }
    }
    return unwatched
  }

  /** To be called at each turn. */
  look(): void {
    if (this.#isClosed || performance.now() < this.#resumeAt) return
    this.#resumeAt = Number.POSITIVE_INFINITY
    this.#options.epoll.add(this.#options.transfer.receiveEnd, false)
  }

  /** They are left to others when this process leaves itself, or will soon. */
  set(isOpen: boolean): void {
    if (isOpen !== this.#isClosed) return
    this.#isClosed = !isOpen
    this.#resumeAt = Number.POSITIVE_INFINITY
    const { epoll, transfer } = this.#options
    if (isOpen) epoll.add(transfer.receiveEnd, false)
    else epoll.remove(transfer.receiveEnd)
  }

  /** The kernel gives the lowest number that is free. A look, since what came may fill up what was left to others, one after the other. */
  #lowestNumber(): number {
    const lowest = duplicate(this.#options.transfer.receiveEnd)
    if (lowest < 0) return Number.POSITIVE_INFINITY
    closeDescriptor(lowest)
    return lowest
  }

  #pause(): void {
    if (this.#isClosed) return
    this.#resumeAt = performance.now() + PAUSE_MS
    this.#options.epoll.remove(this.#options.transfer.receiveEnd)
  }

  #giveToThread(fd: number): void {
    const { handOff } = this.#options
    if (handOff.queue.push(LockOwner.parker, resumed(fd))) handOff.wakeUps.wakeOne()
    else {
      handOff.queue.unhand(PARKER_THREAD)
      closeDescriptor(fd)
    }
  }
}
