import type { Settings } from '../../options/options.js'
import { fail } from '../../shared/errors.js'
import type { Listener } from '../binding/listener.js'
import type { Resources } from '../binding/resources.js'
import type { ReloadQueue } from '../reload/reload-queue.js'
import { startSuccessor, type UpgradeOptions } from './successor.js'

export interface HandoverTerms {
  readonly resources: Resources
  /** What a reload changed meanwhile would not be what the new parent has read. */
  readonly reloads: Pick<ReloadQueue<object>, 'exclusively'>
  readonly settings: () => Settings
  /** Aborts when this pool ends at once, and with it a new parent that has not taken over. */
  readonly hurry: AbortSignal
  /** The new parent has taken over, and this one may leave. */
  readonly done: (pid: number) => void
}

/** The old side of an upgrade: whose the listeners are, this parent's or that of its successor. */
export class Handover {
  readonly #terms: HandoverTerms
  readonly #stop = new AbortController()
  #running: Promise<number> | undefined
  /** `undefined` as long as there is no successor. */
  #taken: ReadonlySet<Listener> | undefined
  #receives = false

  constructor(terms: HandoverTerms) {
    this.#terms = terms
  }

  /** Whether another parent serves at the addresses of this one. */
  get isDone(): boolean {
    return this.#taken !== undefined
  }

  /** Whether the successor goes on with the idle connections of this pool. */
  get receives(): boolean {
    return this.#receives
  }

  /** Whether this listener is the successor's, whose configuration may lack some. */
  includes(listener: Listener): boolean {
    return this.#taken?.has(listener) === true
  }

  /** Resolves with the pid of the new parent. Who calls while an upgrade runs joins it. @throws see `Pool.upgrade` */
  async begin(options: UpgradeOptions): Promise<number> {
    // Forgotten before anybody hears of its end, so that nobody joins one that is over, nor ends a later one's.
    this.#running ??= this.#terms.reloads
      .exclusively(() => this.#run(options))
      .finally(() => {
        this.#running = undefined
      })
    return await this.#running
  }

  /** The pool closes, and whoever has asked for that means a new parent as well, unless that has taken over. */
  stop(): void {
    if (!this.isDone) this.#stop.abort(fail('FT_ERR_CLOSED', ['upgrade()']))
  }

  async #run(options: UpgradeOptions): Promise<number> {
    const { resources, settings, hurry } = this.#terms
    const { listeners, admin, agent, metrics, passOn, ticketKeys, transfer, pidFile, countsFd } =
      resources
    const { startTimeout, canaryTime: trialMs } = settings()

    const own = [admin, agent, metrics].filter((one) => one !== undefined)
    const inheritance = {
      ...{ listeners, own, passOn, ticketKeys, transfer },
      ...{ pidFile: pidFile?.path, counts: countsFd },
    }
    const terms = { startTimeout, trialMs, stop: this.#stop.signal, hurry }
    return await startSuccessor(inheritance, options, terms, (pid, taken, receives) => {
      for (const listener of taken) listener.leave()
      pidFile?.leave()
      this.#taken = new Set(taken)
      this.#receives = receives
      this.#terms.done(pid)
    })
  }
}
