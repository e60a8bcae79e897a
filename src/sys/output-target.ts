import { constants, fstatSync, openSync } from 'node:fs'
import { constants as osConstants } from 'node:os'
import { constants as system } from './constants.js'
import { declare, errno, errnoName } from './libc.js'

const write = declare<[number, Uint8Array, number]>(
  'long write(int fd, const void *bytes, unsigned long length)',
)
const send = declare<[number, Uint8Array, number, number]>(
  'long send(int fd, const void *bytes, unsigned long length, int flags)',
)
const poll = declare<[Int32Array, number, number]>(
  'int poll(void *fds, unsigned long count, int timeout)',
)

const MSG_DONTWAIT = process.platform === 'darwin' ? 0x80 : 0x40
const POLLOUT = 4

/**
 * How much of what is written at once stays in one piece: on a pipe POSIX' PIPE_BUF, of which other systems than Linux have 512.
 */
const PIPE_BUF = process.platform === 'linux' ? 4096 : 512

/**
 * How to write without waiting. The mode of an inherited descriptor belongs to everybody who has it, the user's shell included, so
 * it is left alone:
 *
 * - `direct`: a file never keeps its writer waiting; or the descriptor is one of our own, in non-blocking mode.
 * - `socket`: each call says that it does not wait.
 * - `polled`: asked first. Should another writer fill the pipe in between, this one waits for its reader.
 */
type Way = 'direct' | 'socket' | 'polled'

/** Plain data, for other threads of this process. */
export interface OutputTerms {
  readonly fd: number
  readonly way: Way
  /** 0 for no limit: a file takes any piece as one. */
  readonly atomicBytes: number
}

/** A terminal, pipe, socket or file to which lines are written, and that may be full, broken or closed at any time. */
export class OutputTarget {
  readonly terms: OutputTerms
  #error = 0
  readonly #poll: Int32Array

  constructor(terms: OutputTerms) {
    this.terms = terms
    this.#poll = new Int32Array([terms.fd, POLLOUT])
  }

  /** An inherited descriptor, such as standard output. */
  static inherited(fd: number): OutputTarget {
    return new OutputTarget(inheritedTerms(fd))
  }

  /** How many of the bytes were written, without waiting; -1 if none could be. */
  write(bytes: Uint8Array): number {
    const { fd, way } = this.terms
    if (way === 'polled' && !this.waitUntilWritable(0)) {
      this.#error = osConstants.errno.EAGAIN
      return -1
    }
    for (;;) {
      const written =
        way === 'socket'
          ? send(fd, bytes, bytes.length, MSG_DONTWAIT | system.MSG_NOSIGNAL)
          : write(fd, bytes, bytes.length)
      if (written >= 0) return written
      this.#error = errno()
      if (this.#error !== osConstants.errno.EINTR) return -1
    }
  }

  /** Whether the last `write` failed only because nobody has read what was written before. */
  get isFull(): boolean {
    return this.#error === osConstants.errno.EAGAIN
  }

  /** The name of what the last `write` failed of. */
  get error(): string {
    return errnoName(this.#error)
  }

  /** Blocks the thread until something can be written, or the target is broken. */
  waitUntilWritable(ms: number): boolean {
    this.#poll[1] = POLLOUT
    return poll(this.#poll, 1, ms) > 0
  }
}

function inheritedTerms(fd: number): OutputTerms {
  try {
    const stat = fstatSync(fd)
    if (stat.isFile()) return { fd, way: 'direct', atomicBytes: 0 }
    if (stat.isSocket()) return { fd, way: 'socket', atomicBytes: PIPE_BUF }
    return { ...reopened(fd), atomicBytes: PIPE_BUF }
  } catch {
    // Closed: each write will say so.
    return { fd, way: 'direct', atomicBytes: 0 }
  }
}

/** The same pipe or terminal, opened anew: its mode is our own. Elsewhere than on Linux that is a copy that shares the mode. */
function reopened(fd: number): Pick<OutputTerms, 'fd' | 'way'> {
  if (process.platform !== 'linux') return { fd, way: 'polled' }
  try {
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY
    return { fd: openSync(`/proc/self/fd/${fd}`, flags), way: 'direct' }
  } catch {
    // Another user's, a pipe that nobody reads any more, or no /proc.
    return { fd, way: 'polled' }
  }
}
