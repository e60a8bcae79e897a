import type { Children } from './children.js'
import type { ForkedChild } from './forked-child.js'

interface Candidate {
  readonly child: ForkedChild
  readonly thread: number
}

/**
 * Which thread of the pool leads: exactly one, once there is one. Two never do: the next one is told only when the last one has
 * said that it stopped, or is known to be gone (its thread is over, or its process has exited).
 */
export class Leadership {
  readonly #children: Children
  /** Ready threads that have not resigned, in the order in which they became ready. */
  #candidates: readonly Candidate[] = []
  #leader: Candidate | undefined
  #mayChoose: boolean

  constructor(children: Children, mayChoose: boolean) {
    this.#children = children
    this.#mayChoose = mayChoose
    children.on('thread', ({ pid, thread, phase }) => {
      const child = children.all.find((one) => one.pid === pid)
      this.#remove((one) => one.child.pid === pid && one.thread === thread)
      if (phase === 'ready' && child !== undefined)
        this.#candidates = [...this.#candidates, { child, thread }]
      this.#choose()
    })
    children.on('resigned', (child, thread) => {
      this.#remove((one) => one.child === child && one.thread === thread)
      this.#choose()
    })
    children.on('exit', (child) => {
      this.#remove((one) => one.child === child)
      this.#choose()
    })
  }

  /** After an upgrade: the threads of the old parent are gone. */
  begin(): void {
    this.#mayChoose = true
    this.#choose()
  }

  #remove(isMeant: (one: Candidate) => boolean): void {
    this.#candidates = this.#candidates.filter((one) => !isMeant(one))
    if (this.#leader !== undefined && isMeant(this.#leader)) this.#leader = undefined
  }

  /** One of the newest generation has the longest time before it. */
  #choose(): void {
    if (!this.#mayChoose || this.#leader !== undefined || this.#children.isLeaving) return
    const able = this.#candidates.filter(({ child }) => !child.isLeaving && child.state !== 'gone')
    const newest = Math.max(...able.map(({ child }) => child.generation))
    this.#leader = able.find(({ child }) => child.generation === newest)
    this.#leader?.child.lead(this.#leader.thread)
  }
}
