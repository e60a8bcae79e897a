import { isDeepStrictEqual } from 'node:util'
import { type PoolOptions, plainOptions, type Settings } from '../../options/options.js'
import { parseReload } from '../../options/parse-options.js'
import type { ReloadProgress } from '../../shared/stats.js'
import type { HandlerKind, Range } from '../../shared/terms.js'
import type { Resources } from '../binding/resources.js'
import type { Children } from '../children/children.js'
import { createGeneration } from '../children/generation.js'
import type { Sizes } from '../children/sizes.js'
import { rollOver } from './roll-over.js'

/** What the pool does around a reload. */
export interface ReloadActions {
  /** @throws FT_ERR_CLOSED when there is nothing to reload any more */
  readonly begin: () => void
  readonly progress: (progress: ReloadProgress) => void
  /** All processes are of the new generation, and serve this at each listener. */
  readonly done: (kinds: readonly HandlerKind[]) => void
  /** Whether it was done or has failed. */
  readonly end: () => void
}

/** The options that count, which change with the reloads. */
export class Reloads {
  readonly #children: Children
  readonly #resources: Resources
  readonly #actions: ReloadActions
  /** As the user gave them, so that a reload may change some. */
  #given: PoolOptions
  #settings: Settings

  constructor(
    children: Children,
    resources: Resources,
    given: PoolOptions,
    settings: Settings,
    actions: ReloadActions,
  ) {
    this.#children = children
    this.#resources = resources
    this.#given = given
    this.#settings = settings
    this.#actions = actions
  }

  get settings(): Settings {
    return this.#settings
  }

  /** One at a time: see `ReloadQueue`. @throws see `Pool.reload` */
  async carryOut(changes: Partial<PoolOptions>): Promise<void> {
    this.#actions.begin()
    const number = this.#children.generation.number + 1
    let last: ReloadProgress = {
      generation: number,
      phase: 'canary',
      replaced: 0,
      remaining: this.#children.all.length,
      step: 'reading the options',
    }
    const progress = (now: ReloadProgress): void => {
      last = now
      this.#actions.progress(now)
    }
    try {
      const given = { ...((await this.#given.reloadOptions?.()) ?? this.#given), ...changes }
      const settings = parseReload(this.#settings, plainOptions(given))
      const generation = createGeneration(number, settings, this.#resources)
      const { reloadBatch: batch, watch } = settings
      // Who develops wants to see the change.
      const canaryTime = watch ? 0 : settings.canaryTime
      const sizes = (): Sizes => this.#sizesAfter(settings)
      const accept = (): void => {
        this.#given = { ...given, reloadOptions: this.#given.reloadOptions }
        this.#settings = settings
      }
      const terms = { generation, sizes, batch, canaryTime, progress, accept }
      this.#actions.done(await rollOver(this.#children, terms))
      progress({ ...last, phase: 'done', step: 'all processes are of the new generation' })
    } catch (error) {
      progress({ ...last, phase: 'failed', step: (error as Error).message })
      throw error
    } finally {
      this.#actions.end()
    }
  }

  /** A size that the options don't change stays what `resize` has made of it. */
  #sizesAfter(next: Settings): Sizes {
    const { sizes } = this.#children
    const keep = (name: keyof Sizes): Range =>
      isDeepStrictEqual(next[name], this.#settings[name]) ? sizes[name] : next[name]
    return { processes: keep('processes'), threads: keep('threads'), spares: keep('spares') }
  }
}
