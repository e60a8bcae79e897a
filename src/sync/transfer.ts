import { countWaiting, DescriptorSocket } from '../sys/descriptor-socket.js'
import type { DescriptorEnds } from './descriptor-ends.js'
import type { Scoreboard } from './scoreboard.js'
import { MAILS, SENT } from './scoreboard-layout.js'

/**
 * The way of idle connections out of a process that leaves: a pair of sockets that carries descriptors, which every process of
 * the pool has, and in an upgrade those of the new parent, too. What is readable goes by the mailbox, to a thread; what goes by here is
 * idle and goes to the parker of a process that stays, which watches it from then on.
 *
 *     leaves                                          stays
 *     parker: claim, unwatch ─┐                  ┌──► parker: take, note, watch
 *     thread: find it clean ──┴► put ═ transfer ═┘
 *             drop its own descriptor
 *
 * **Only one has it.** Before `put` it is the sender's alone, which reads nothing of it any more: the parker never reads, and a thread runs
 * no event loop from the look that finds it clean to the end of its socket. After `put` it is the transfer's, and whoever takes it
 * has it alone: the kernel gives each message to one. A request that comes at any moment of this stays in the kernel, and the parker that
 * watches it then is told of it at once (the watch is level-triggered).
 *
 * **Death.** What is in the transfer stays in it as long as any process has it open, and the parent has. Who dies before `put` loses it, as all
 * that it had; who dies after it closes only its own descriptor of it. Who dies between `take` and the note loses it as what it had.
 *
 * **Full** it is with some dozens. Then the sender keeps what it has, watches or serves it, and tries again.
 *
 * **Without room** anywhere, and when all leave after all (the pool ends during a reload), nobody takes them. So whoever has sent waits until all that
 * is on its way has been taken, and if something waits there for too long (see `TransitWatch`), he takes it back, whoever has sent it, and goes
 * with it as with what he could not send. What a sender that died has left there is the parent's (see `Takeover`).
 */
export class Transfer {
  readonly receiveEnd: number
  readonly #sendEnd: number
  readonly #socket = new DescriptorSocket()
  readonly #shared: Int32Array

  constructor({ sendEnd, receiveEnd }: DescriptorEnds, scoreboard: Scoreboard) {
    this.receiveEnd = receiveEnd
    this.#sendEnd = sendEnd
    this.#shared = scoreboard.words
  }

  /** False if it is full. The caller closes its own descriptor afterwards, or keeps it. */
  put(fd: number): boolean {
    if (!this.#socket.send(this.#sendEnd, fd, Atomics.add(this.#shared, MAILS, 1))) return false
    Atomics.add(this.#shared, SENT, 1)
    return true
  }

  /** How many processes of this pool have put in, ever; in 32 bits, and perhaps a moment late. */
  get sent(): number {
    return Atomics.load(this.#shared, SENT)
  }

  /** How many are on their way. */
  get waiting(): number {
    return countWaiting(this.receiveEnd)
  }

  /**
   * The oldest connection, now a descriptor of this process; -1 if there is none, or no number for it. `isRoomy`: this process has far more
   * numbers than it could use up in a moment, which saves two system calls of three.
   */
  take(isRoomy = false): { readonly fd: number; readonly reason: number } {
    return this.#socket.receive(this.receiveEnd, isRoomy)
  }
}
