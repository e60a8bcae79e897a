import type { SlowEpisode } from '../shared/slow.js'
import type { HandOff } from '../sync/hand-off.js'
import type { Scoreboard } from '../sync/scoreboard.js'
import type { RequestMark } from '../sync/thread-rows.js'
import type { Crew } from './crew.js'
import { stackOf } from './thread-stack.js'
import type { WorkerThread } from './worker-thread.js'

/** A stack takes some ms of the thread that is looked at, so there are so many at most. */
const SHORTEST_SAMPLE_MS = 100
const MOST_STACKS = 20

/** Looking costs nearly nothing, but it wakes this thread. */
const SHORTEST_LOOK_MS = 10
const LONGEST_LOOK_MS = 1000

/** A thread whose event loop has not turned for a while. */
interface Episode {
  readonly begunAt: number
  readonly request: string
  readonly mark: RequestMark
  readonly stacks: (readonly string[])[]
}

/**
 * Samples the stacks of threads that block their event loop for longer than `slowThreshold`, while they do.
 *
 * Only a thread with a request in flight is asked whether its loop turns, and only if its row in the scoreboard has not changed since the last look:
 * one that begins and ends requests shows by that that it turns. So nothing is asked of idle threads, and little of others. The stacks
 * are taken one at a time, of whichever thread blocks, at most ten times a second in this process.
 */
export class SlowWatch {
  readonly #slot: number
  readonly #thresholdMs: number
  readonly #crew: Crew
  readonly #handOff: HandOff
  readonly #scoreboard: Scoreboard
  readonly #report: (episode: SlowEpisode) => void
  /** The sequence of each row at the last look. */
  readonly #sequences = new Map<number, number>()
  readonly #episodes = new Map<number, Episode>()
  #isSampling = false
  #sampledAt = 0
  #timer: NodeJS.Timeout | undefined
  #state: 'looking' | 'asleep' | 'stopped' = 'stopped'

  constructor(
    slot: number,
    thresholdMs: number,
    crew: Crew,
    handOff: HandOff,
    scoreboard: Scoreboard,
    report: (episode: SlowEpisode) => void,
  ) {
    this.#slot = slot
    this.#thresholdMs = thresholdMs
    this.#crew = crew
    this.#handOff = handOff
    this.#scoreboard = scoreboard
    this.#report = report
  }

  /**
   * Looks from now on, until `stop`. While all threads idle it sleeps: twenty looks a second would be all that an idle pool does. A thread that
   * begins something then ends the sleep, and what it begins is looked at as soon as it has lasted for a pause. As long as each look
   * finds something new it does not sleep: to be woken costs that thread, too.
   */
  start(): void {
    this.#state = 'looking'
    this.#timer = setTimeout(() => {
      if (this.#look()) return this.start()
      this.#state = 'asleep'
      void this.#handOff.standings.nextStir(() => !this.#isQuiet()).then(() => this.#wake())
    }, this.#everyMs)
  }

  /** To be called now and then: a new thread may begin with work that it has taken without ever having been idle. */
  lookForWork(): void {
    if (!this.#isQuiet()) this.#wake()
  }

  #wake(): void {
    if (this.#state === 'asleep') this.start()
  }

  stop(): void {
    this.#state = 'stopped'
    clearTimeout(this.#timer)
  }

  /** No thread does anything, and nothing is told yet. */
  #isQuiet(): boolean {
    if (this.#episodes.size > 0) return false
    for (const { id, state } of this.#crew.threads)
      if (state === 'ready' && !this.#handOff.standings.isIdle(id)) return false
    return true
  }

  /** Half of the threshold: what blocks for longer is seen at one look at least. */
  get #everyMs(): number {
    return Math.min(Math.max(Math.ceil(this.#thresholdMs / 2), SHORTEST_LOOK_MS), LONGEST_LOOK_MS)
  }

  /** Whether a thread has done anything since the last look. */
  #look(): boolean {
    let isAnyNew = false
    for (const thread of this.#crew.threads) {
      // One that rests has no request, whatever its row says last.
      if (thread.state !== 'ready' || thread.isResting) continue
      const { id } = thread
      const silentMs = this.#handOff.turns.openMs(id)
      if (silentMs > 0) {
        this.#blocks(thread, silentMs)
        continue
      }
      const isNew = this.#hasChanged(id)
      isAnyNew ||= isNew
      if (!isNew) this.#ask(id)
      this.#turns(id)
    }
    return isAnyNew
  }

  #hasChanged(id: number): boolean {
    const sequence = this.#scoreboard.rows.sequence(this.#slot, id)
    const isNew = this.#sequences.get(id) !== sequence
    this.#sequences.set(id, sequence)
    return isNew
  }

  /** Whether its loop turns, if there is a reason. */
  #ask(id: number): void {
    const { standings, turns, wakeUps } = this.#handOff
    if (!standings.isIdle(id) && turns.ask(id)) wakeUps.wake(id)
  }

  #blocks(thread: WorkerThread, silentMs: number): void {
    const { id } = thread
    let episode = this.#episodes.get(id)
    if (episode === undefined) {
      // It was silent at the look before the question as well.
      const request = this.#scoreboard.rows.readRequest(this.#slot, id)
      const begunAt = performance.now() - silentMs - this.#everyMs
      const mark = this.#scoreboard.rows.readRoute(this.#slot, id)
      episode = { begunAt, request, mark, stacks: [] }
      this.#episodes.set(id, episode)
    }
    if (performance.now() - episode.begunAt < this.#thresholdMs || thread.threadId === undefined)
      return
    if (this.#isSampling || episode.stacks.length >= MOST_STACKS) return
    if (performance.now() - this.#sampledAt < SHORTEST_SAMPLE_MS) return
    void this.#sample(thread.threadId, episode)
  }

  /** A stack that comes when the thread has gone on is of something else. */
  async #sample(threadId: number, episode: Episode): Promise<void> {
    this.#isSampling = true
    try {
      const stack = await stackOf(threadId)
      if (stack.length > 0) episode.stacks.push(stack)
    } finally {
      this.#isSampling = false
      this.#sampledAt = performance.now()
    }
  }

  #turns(id: number): void {
    const episode = this.#episodes.get(id)
    if (episode === undefined) return
    this.#episodes.delete(id)
    const blockedMs = Math.round(performance.now() - episode.begunAt - this.#everyMs / 2)
    if (blockedMs < this.#thresholdMs) return
    const { request, mark, stacks } = episode
    const { rows, requests } = this.#scoreboard
    // The handler may have named it before it blocked, since then, or at its end.
    const number = rows.readRoute(this.#slot, id, mark).route || mark.route
    const route = requests.routeName(number)
    const named = route === undefined ? {} : { route }
    this.#report({ slot: this.#slot, thread: id, request, ...named, blockedMs, stacks })
  }
}
