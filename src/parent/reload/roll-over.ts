import { setTimeout as sleep } from 'node:timers/promises'
import { type ForkthreadError, fail } from '../../shared/errors.js'
import type { ReloadProgress } from '../../shared/stats.js'
import type { HandlerKind } from '../../shared/terms.js'
import type { Children } from '../children/children.js'
import type { ForkedChild } from '../children/forked-child.js'
import type { Generation } from '../children/generation.js'
import type { Sizes } from '../children/sizes.js'

/** So many starts in a row may fail, after the first one has succeeded, before the reload gives up. */
const MOST_FAILURES = 3
const RETRY_MS = 1000

export interface ReloadTerms {
  readonly generation: Generation
  /** Asked when they are needed: a resize of the pool may come at any time. */
  readonly sizes: () => Sizes
  /** Children above the usual number at a time. */
  readonly batch: number
  /** How long the first new child must stay up. */
  readonly canaryTime: number
  readonly progress: (progress: ReloadProgress) => void
  /** The new generation is what counts from now on. */
  readonly accept: () => void
}

/**
 * Replaces all children by those of a new generation, without ever having fewer than before. The first new one is a
 * canary: it must become ready and stay up before others follow; if it does not, nothing has changed. From then on whoever
 * dies is replaced by the new generation, and each of `batch` lanes replaces one old child after the other. A lane waits
 * until the old child is gone, so that at most `batch` are there above the usual number.
 *
 * @throws the handler's error (FT_ERR_HANDLER_LOAD …) or FT_ERR_RELOAD when the canary fails, FT_ERR_RELOAD_HALFWAY when
 *   later starts fail again and again, FT_ERR_CLOSED when the pool closes meanwhile
 */
export async function rollOver(
  children: Children,
  terms: ReloadTerms,
): Promise<readonly HandlerKind[]> {
  let kinds: readonly HandlerKind[]
  try {
    kinds = await new RollOver(children, terms).run()
  } catch (error) {
    // Then whatever failed did so because everything ends.
    throw children.isLeaving ? fail('FT_ERR_CLOSED', ['reload()'], error) : error
  }
  // The last old child may have left because the pool closes.
  if (children.isLeaving) throw fail('FT_ERR_CLOSED', ['reload()'])
  return kinds
}

class RollOver {
  readonly #children: Children
  readonly #terms: ReloadTerms
  #kinds: readonly HandlerKind[] = []
  #hasPassed = false
  #replaced = 0
  #failures = 0
  /** One lane has failed for good; the others stop as well. */
  #hasGivenUp = false
  /** Old children that a lane has taken on. */
  readonly #taken = new Set<ForkedChild>()

  constructor(children: Children, terms: ReloadTerms) {
    this.#children = children
    this.#terms = terms
  }

  async run(): Promise<readonly HandlerKind[]> {
    const { batch } = this.#terms
    await this.#replaceFirst()
    const lanes = await Promise.allSettled(Array.from({ length: batch }, () => this.#lane()))
    // Only now, when no lane is at work any more, may the next reload come.
    for (const lane of lanes) if (lane.status === 'rejected') throw lane.reason
    return this.#kinds
  }

  /**
   * The canary takes the place of an old child, too, but that one goes only after the trial. With no child left, as when the
   * old generation dies as soon as it starts, it is simply the first of the new one.
   */
  async #replaceFirst(): Promise<void> {
    this.#tell('starting the first process')
    await this.#replace(await this.#nextOld(), async (canary) => {
      this.#tell(`process ${canary.pid} is ready and on trial`)
      await staysUp(canary, this.#terms.canaryTime)
      const sizes = this.#terms.sizes()
      this.#hasPassed = true
      this.#terms.accept()
      this.#children.advance(this.#terms.generation, sizes)
      this.#tell(`process ${canary.pid} has stayed up`)
    })
  }

  async #lane(): Promise<void> {
    while (!this.#hasGivenUp) {
      const old = await this.#nextOld()
      if (old === undefined) return
      if (this.#isTooMany()) {
        await this.#children.dismiss(old, 'the new generation has fewer')
        this.#tell(`process ${old.pid} has left, and needs no successor`)
      } else await this.#replaceInTheEnd(old)
    }
  }

  async #replaceInTheEnd(old: ForkedChild): Promise<void> {
    while (old.state === 'ready') {
      try {
        return await this.#replace(old)
      } catch (error) {
        if (this.#children.isLeaving) throw error
        if (++this.#failures >= MOST_FAILURES) {
          this.#hasGivenUp = true
          throw this.#halfway(error)
        }
        this.#tell(`a start failed and is tried again: ${(error as Error).message}`)
        await sleep(RETRY_MS)
      }
    }
  }

  async #replace(
    old: ForkedChild | undefined,
    proof?: (successor: ForkedChild) => Promise<void>,
  ): Promise<void> {
    const { generation } = this.#terms
    const sizes = (): Sizes => (this.#hasPassed ? this.#children.sizes : this.#terms.sizes())
    const reason = `reload: generation ${generation.number}`
    const replacement = { generation, sizes, reason, ...(proof === undefined ? {} : { proof }) }
    this.#kinds = await this.#children.replace(old, replacement)
    this.#failures = 0
    if (old !== undefined) this.#replaced++
    this.#tell(old === undefined ? 'started one' : `process ${old.pid} has left`)
  }

  /** An old child for this lane; `undefined` when all are gone or in other hands. One that still starts is waited for. */
  async #nextOld(): Promise<ForkedChild | undefined> {
    for (;;) {
      const old = this.#old.filter((child) => !this.#taken.has(child))
      const ready = old.find(({ state }) => state === 'ready')
      if (ready !== undefined) {
        this.#taken.add(ready)
        return ready
      }
      const starting = old.find(({ state }) => state === 'starting')
      if (starting === undefined) return undefined
      await readyOrGone(starting)
    }
  }

  get #old(): readonly ForkedChild[] {
    const { number } = this.#terms.generation
    return this.#children.all.filter(({ generation }) => generation < number)
  }

  #isTooMany(): boolean {
    const serving = this.#children.all.filter(({ state }) => state === 'ready')
    return serving.length > this.#children.sizes.processes.max
  }

  #halfway(cause: unknown): ForkthreadError {
    const { length } = this.#old
    return fail('FT_ERR_RELOAD_HALFWAY', [this.#replaced, length], cause)
  }

  #tell(step: string): void {
    const { progress, generation } = this.#terms
    const waiting = this.#old.filter(({ state }) => state !== 'draining').length
    progress({
      generation: generation.number,
      phase: this.#hasPassed ? 'rolling' : 'canary',
      replaced: this.#replaced,
      remaining: waiting,
      step,
    })
  }
}

/** Resolves when the child has stayed up for so long; rejects with FT_ERR_RELOAD when it, or one of its threads, died. */
async function staysUp(child: ForkedChild, ms: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const settle = (act: () => void): void => {
      clearTimeout(timer)
      child.off('report', onReport).off('exit', onExit).off('leaving', onLeaving)
      act()
    }
    const failed = (why: string, cause?: unknown): void =>
      settle(() => reject(fail('FT_ERR_RELOAD', [`${why} within canaryTime (${ms} ms)`], cause)))
    const onReport = (error: Error): void => {
      if ((error as ForkthreadError).code === 'FT_ERR_THREAD_DIED') failed('lost a thread', error)
    }
    const onExit = (): void => failed('died')
    const onLeaving = (): void => failed('left')
    const timer = setTimeout(() => settle(resolve), ms)
    child.on('report', onReport).on('exit', onExit).on('leaving', onLeaving)
    if (child.state !== 'ready') failed('died')
  })
}

async function readyOrGone(child: ForkedChild): Promise<void> {
  await new Promise<void>((resolve) => {
    child.once('ready', () => resolve())
    child.once('exit', () => resolve())
  })
}
