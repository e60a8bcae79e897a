import { constants as osConstants } from 'node:os'
import { check, declareOptional, errno } from './libc.js'

const epoll_create1 = declareOptional<[number]>('int epoll_create1(int flags)')
const epoll_ctl = declareOptional<[number, number, number, Uint8Array]>(
  'int epoll_ctl(int epfd, int operation, int fd, void *event)',
)
const epoll_wait = declareOptional<[number, Uint8Array, number, number]>(
  'int epoll_wait(int epfd, void *events, int most, int timeout)',
)

const { EBADF, EEXIST, EINTR, ENOENT, EPERM } = osConstants.errno

const EPOLL_CLOEXEC = 0o2000000
const EPOLL_CTL_ADD = 1
const EPOLL_CTL_DEL = 2
const EPOLL_CTL_MOD = 3
const EPOLLIN = 1
const EPOLLERR = 8
const EPOLLHUP = 0x10
/** The other side has shut down its half. */
const EPOLLRDHUP = 0x2000
/** After one event the descriptor is watched no longer, though still known, until it is armed again. */
const EPOLLONESHOT = 2 ** 30
/** Of all epoll instances that watch the descriptor so, one is woken, not every one (Linux 4.5). */
const EPOLLEXCLUSIVE = 2 ** 28

/** `struct epoll_event` is packed on x86-64 only. */
const EVENT_BYTES = process.arch === 'x64' ? 12 : 16
const DATA_OFFSET = process.arch === 'x64' ? 4 : 8
const MOST_EVENTS = 66

/** Whether the kernel can wake one of several waiting processes. */
export const hasEpoll = epoll_create1 !== undefined && process.platform === 'linux'

/** An epoll instance. `fd` may be used by any thread of the process, with a `Epoll` of its own around it. */
export class Epoll {
  readonly fd: number
  readonly #events = new Uint8Array(EVENT_BYTES * MOST_EVENTS)
  readonly #view = new DataView(this.#events.buffer)
  readonly #event = new Uint8Array(EVENT_BYTES)
  readonly #eventView = new DataView(this.#event.buffer)

  constructor(fd: number) {
    this.fd = fd
  }

  static create(): Epoll {
    return new Epoll(check(epoll_create1?.(EPOLL_CLOEXEC) ?? -1, 'epoll_create1', 'listeners'))
  }

  /**
   * Watches a descriptor for input, which is then reported under the number `reportedAs`. One that is watched already stays so; a closed
   * one can't be watched.
   */
  add(fd: number, exclusive: boolean, reportedAs = fd): void {
    this.#eventView.setUint32(0, exclusive ? EPOLLIN + EPOLLEXCLUSIVE : EPOLLIN, true)
    this.#eventView.setUint32(DATA_OFFSET, reportedAs, true)
    if ((epoll_ctl?.(this.fd, EPOLL_CTL_ADD, fd, this.#event) ?? -1) >= 0) return
    const reason = errno()
    if (reason !== EEXIST && reason !== EBADF) check(-1, 'epoll_ctl', `add ${fd}`)
  }

  /**
   * Watches a descriptor for one event: input, or the end of the connection. One that is known already is armed again.
   * False if that can't be (the user watches too many already, or there is no memory).
   */
  addOnce(fd: number): boolean {
    this.#eventView.setUint32(0, EPOLLIN + EPOLLRDHUP + EPOLLONESHOT, true)
    this.#eventView.setUint32(DATA_OFFSET, fd, true)
    if ((epoll_ctl?.(this.fd, EPOLL_CTL_ADD, fd, this.#event) ?? -1) >= 0) return true
    if (errno() !== EEXIST) return false
    return (epoll_ctl?.(this.fd, EPOLL_CTL_MOD, fd, this.#event) ?? -1) >= 0
  }

  /** A descriptor that is watched stays known, and is reported no more. */
  silence(fd: number): void {
    this.#eventView.setUint32(0, 0, true)
    this.#eventView.setUint32(DATA_OFFSET, fd, true)
    epoll_ctl?.(this.fd, EPOLL_CTL_MOD, fd, this.#event)
  }

  /** Watches a descriptor no longer. */
  remove(fd: number): void {
    if ((epoll_ctl?.(this.fd, EPOLL_CTL_DEL, fd, this.#event) ?? -1) >= 0) return
    const reason = errno()
    // It was not watched, or is closed, or nobody can watch it.
    if (reason !== ENOENT && reason !== EBADF && reason !== EPERM)
      check(-1, 'epoll_ctl', `remove ${fd}`)
  }

  /** Blocks the thread until something is ready or `timeoutMs` is over (-1: for ever); the ready descriptors. */
  wait(timeoutMs: number): number[] {
    const count = epoll_wait?.(this.fd, this.#events, MOST_EVENTS, timeoutMs) ?? -1
    if (count < 0) {
      if (errno() === EINTR) return []
      check(count, 'epoll_wait', 'listeners')
    }
    return Array.from({ length: count }, (_, index) =>
      this.#view.getUint32(index * EVENT_BYTES + DATA_OFFSET, true),
    )
  }

  /** Whether the descriptor at this place of the last answer has come to an end, at least on the other side. */
  hasEnded(index: number): boolean {
    const events = this.#view.getUint32(index * EVENT_BYTES, true)
    return (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) !== 0
  }
}
