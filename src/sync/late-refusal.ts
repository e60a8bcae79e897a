import { closeDescriptor } from '../sys/descriptor.js'
import { sinceDataMs } from '../sys/tcp-info.js'
import type { Acceptor } from './acceptor.js'
import { acceptable, type Capacity } from './admission.js'
import type { ClearHttp } from './clear-http.js'
import { refusalOf, refuse } from './early-refusal.js'
import { descriptorOf, listenerOf } from './entry.js'
import type { HandOff } from './hand-off.js'
import type { Mailbox } from './mailbox.js'
import type { Scoreboard } from './scoreboard.js'

/** How often a child without capacity looks: so many times in each `queueTimeout`, within limits. */
const LOOKS = 4
const SHORTEST_LOOK_MS = 5
const LONGEST_LOOK_MS = 250

/** So many without a byte are passed over in one look: how long they have waited says nothing of those behind them. Of a unix socket that is all. */
const MOST_SILENT = 16

export interface LateRefusalOptions {
  readonly slot: number
  /** ms; 0 for never. */
  readonly queueTimeout: number
  readonly acceptor: Acceptor
  readonly handOff: HandOff
  readonly scoreboard: Scoreboard
  readonly mailbox: Mailbox | undefined
  readonly clearHttp: ClearHttp
  /** Queues what the mailbox has no room for; it must not be lost. */
  readonly keep: (entry: number) => void
}

/**
 * Answers for the worker threads while all of them are blocked: what has waited in a backlog (or in the mailbox) for longer than
 * `queueTimeout` is accepted by the listener thread itself, and refused; where there is none, by the child's main thread.
 *
 * A backlog is first come, first served, so it looks at the oldest, and at the next as long as they are late. How long one has waited
 * is only known when it is accepted; so a look ends with one that is young, and nothing behind it can be late before it would be
 * itself: there is no other look until then. The young one is not this thread's to drop. It goes into the mailbox, from where any thread of the pool takes it as out of a backlog; without a mailbox, or with a full one, into the queue of
 * this child. Neither can lose it: this thread dies only with its child, whose connections are lost then whoever has them.
 *
 * Behind a young one nothing is late before it, unless others were put into the mailbox meanwhile and it is behind them: then it waits at most
 * as long again.
 *
 * No mutex is needed for that: it keeps processes from being woken in vain, and here nobody is. A thread that becomes free
 * meanwhile may accept beside it; each connection is accepted by one of them, and what both do is right: it serves what is young and refuses
 * what is late. So no interleaving refuses a young connection, and none is served by two: test/model/late-refusal.pml.
 */
export class LateRefusal {
  readonly #options: LateRefusalOptions
  readonly #answer: Buffer
  /** Nothing is late before that. */
  #nextAt = 0

  constructor(options: LateRefusalOptions) {
    this.#options = options
    this.#answer = refusalOf(options.queueTimeout)
  }

  /** How long to leave out such a look without capacity, at most. */
  get everyMs(): number {
    const { queueTimeout } = this.#options
    if (queueTimeout === 0) return Number.POSITIVE_INFINITY
    return Math.min(Math.max(Math.ceil(queueTimeout / LOOKS), SHORTEST_LOOK_MS), LONGEST_LOOK_MS)
  }

  /** Refuses what is late, as long as no thread can take anything. */
  look(capacity: () => Capacity): void {
    const { queueTimeout, acceptor, handOff } = this.#options
    if (queueTimeout === 0) return
    const now = performance.now()
    if (now < this.#nextAt) return
    // Of several listeners each has an order of its own: all of them must have shown a young one.
    let young = 0
    let silent = 0
    let soonestMs = queueTimeout
    while (young < acceptor.watched.length && !handOff.listener.isStopping && isFull(capacity())) {
      const ageMs = this.#acceptOne()
      if (ageMs === undefined) break
      if (ageMs > queueTimeout) continue
      if (ageMs < 0) {
        if (++silent < MOST_SILENT) continue
        break
      }
      young++
      soonestMs = Math.min(soonestMs, queueTimeout - ageMs)
    }
    this.#nextAt = young === 0 && silent < MOST_SILENT ? 0 : now + soonestMs
  }

  /** The age of the next one in ms, -1 if it has sent nothing; it is refused if that is too much. `undefined` if nothing waits. */
  #acceptOne(): number | undefined {
    const { queueTimeout, acceptor, scoreboard, slot } = this.#options
    let ageMs: number | undefined
    acceptor.accept(1, (entry, isNew) => {
      if (isNew) scoreboard.addToField(slot, 'accepted', 1)
      ageMs = sinceDataMs(descriptorOf(entry))
      if (ageMs > queueTimeout) this.#refuse(entry)
      else this.#pass(entry)
    })
    return ageMs
  }

  #refuse(entry: number): void {
    const { scoreboard, slot, clearHttp } = this.#options
    scoreboard.addToField(slot, 'refused', 1)
    const fd = descriptorOf(entry)
    if (clearHttp.includes(listenerOf(entry))) refuse(fd, this.#answer)
    else closeDescriptor(fd)
  }

  /** Accepted, and not late: whoever is free first is to have it. */
  #pass(entry: number): void {
    const { keep, mailbox } = this.#options
    if (mailbox?.put(entry) === true) closeDescriptor(descriptorOf(entry))
    else keep(entry)
  }
}

function isFull(capacity: Capacity): boolean {
  return acceptable(capacity) === 0 && capacity.idleElsewhere === 0
}
