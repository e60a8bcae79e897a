import type { Transfer } from '../../sync/transfer.js'
import { closeDescriptor } from '../../sys/descriptor.js'
import type { ForkedChild } from './forked-child.js'

/** How often to look while connections move, and whether an old parent's children have begun to. */
const LOOK_EVERY_MS = 25

/** What nobody has taken for so long finds no room anywhere, and whoever has sent it has died: a child that leaves takes back what is on its way. */
const STUCK_MS = 5000

/**
 * Sees to it that somebody takes over the idle connections of processes that leave: those that stay get a parker for them, which is a thread,
 * when the first connection is on its way, and not before. Until it runs connections wait in the transfer, which this process holds open;
 * whoever becomes ready while any wait there is told, too. So in no order of these events one is left behind.
 *
 * If no process has room, somebody must see the end of those that are on their way: nobody watches them there.
 */
export class Takeover {
  readonly #children: () => readonly ForkedChild[]
  readonly #transfer: Transfer | undefined
  #looks: NodeJS.Timeout | undefined
  /** Children of this parent that leave have connections to move. */
  #isBegun = false
  /** Those of an old parent may have some at any time. */
  #othersLeave = false
  /** When the transfer was last seen empty, or other than the time before. */
  #movedAt = 0
  #waiting = 0
  /** Those that found no room, and were closed here. */
  closed = 0

  constructor(children: () => readonly ForkedChild[], transfer: Transfer | undefined) {
    this.#children = children
    this.#transfer = transfer
  }

  /** A child that leaves has connections to move. */
  begin(): void {
    this.#callReceivers()
    this.#follow()
  }

  /** A child has begun to serve. */
  ready(child: ForkedChild): void {
    if (this.#isBegun || this.#count() > 0) child.receive(true)
  }

  /** A child is gone. */
  gone(): void {
    if (!this.#isAnyLeaving) this.#isBegun = false
    // It may have been the only one that was to take them.
    else if (this.#isBegun) this.#callReceivers()
  }

  /** The children of an old parent leave, until `isOver`: nobody tells this one when the first connection moves. */
  followOthers(isOver: Promise<void>): void {
    if (this.#transfer === undefined) return
    this.#othersLeave = true
    void isOver.then(() => {
      this.#othersLeave = false
    })
    this.#follow()
  }

  /** Before the transfer is closed. */
  stop(): void {
    clearInterval(this.#looks)
  }

  /** Those of the newest generation that serves: the others leave next, so what they took would move once more. */
  #callReceivers(): void {
    this.#isBegun = true
    const ready = this.#children().filter(({ state }) => state === 'ready')
    const newest = Math.max(...ready.map(({ generation }) => generation))
    for (const child of ready) child.receive(child.generation === newest)
  }

  #count(): number {
    return this.#transfer?.waiting ?? 0
  }

  get #isAnyLeaving(): boolean {
    return this.#children().some(({ state }) => state === 'draining')
  }

  #follow(): void {
    clearInterval(this.#looks)
    this.#looks = setInterval(() => {
      const waiting = this.#count()
      if (waiting > 0 && !this.#isBegun) this.#callReceivers()
      // Whoever has left with the last of them was perhaps the last to leave.
      else if (waiting === 0 && !this.#isAnyLeaving) this.#isBegun = false
      if (waiting === 0 && !this.#isBegun && !this.#othersLeave) this.stop()
      this.#lookWhetherStuck(waiting)
    }, LOOK_EVERY_MS)
  }

  #lookWhetherStuck(waiting: number): void {
    const now = performance.now()
    // As long as somebody leaves, he looks after them, and sees more than this.
    const isLookedAfter = this.#isAnyLeaving || this.#othersLeave
    if (waiting === 0 || waiting !== this.#waiting || isLookedAfter) this.#movedAt = now
    this.#waiting = waiting
    if (now - this.#movedAt < STUCK_MS) return
    for (let left = waiting; left > 0; left--) {
      const { fd } = this.#transfer?.take() ?? { fd: -1 }
      if (fd < 0) return
      closeDescriptor(fd)
      this.closed++
    }
  }
}
