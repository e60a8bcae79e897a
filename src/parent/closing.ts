import type { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Settings } from '../options/options.js'
import type { Listening } from './binding/listening.js'
import { type Resources, releaseResources } from './binding/resources.js'
import type { Children } from './children/children.js'
import { reapOrphans } from './children/orphans.js'
import type { PoolEvents } from './pool-events.js'
import type { PoolState } from './pool-state.js'
import type { SystemdNotify } from './systemd/systemd-notify.js'
import type { Handover } from './upgrade/handover.js'
import type { Upkeep } from './upkeep/upkeep.js'

export interface ClosingTerms {
  readonly pool: EventEmitter<PoolEvents>
  readonly state: PoolState
  readonly settings: () => Settings
  readonly resources: Resources
  readonly listening: Listening
  readonly children: Children
  readonly upkeep: Upkeep
  readonly handover: Handover
  readonly systemd: SystemdNotify
  /** Aborts when all is to end at once: no `preStopDelay`, and no patience with a new parent. */
  readonly hurry: AbortController
  /** Ends what watches, tells and answers: the children are gone. */
  readonly release: () => void
}

/**
 * The end of a pool, whoever asks for it and however often. Nothing that must not outlive the process is left behind, also if that just
 * exits under an open pool.
 */
export class Closing {
  readonly #terms: ClosingTerms
  readonly #endReaping: () => void
  #forgetSignal: () => void = () => undefined
  #closed: Promise<void> | undefined

  constructor(terms: ClosingTerms) {
    this.#terms = terms
    process.once('exit', this.#cleanUp)
    this.#endReaping = reapOrphans()
  }

  /** An abort closes the pool. */
  obey(signal: AbortSignal | undefined): void {
    const abort = (): void => void this.close()
    signal?.addEventListener('abort', abort, { once: true })
    this.#forgetSignal = () => signal?.removeEventListener('abort', abort)
  }

  /** See `Pool.close`. */
  async close(): Promise<void> {
    this.#closed ??= this.#close()
    await this.#closed
  }

  /** See `Pool.kill`. */
  async kill(): Promise<void> {
    const closed = this.close()
    this.#terms.hurry.abort()
    this.#terms.children.kill()
    await closed
  }

  /** The start has failed. */
  async abandon(): Promise<void> {
    const closed = this.close()
    this.#terms.children.kill()
    await closed
  }

  async #close(): Promise<void> {
    const { state, settings, listening, children, upkeep, handover, systemd, hurry } = this.#terms
    const { preStopDelay } = settings()
    // Its listeners are the very same: what closes them here would leave the new parent with sockets that let nobody in.
    handover.stop()
    if (state.now === 'serving' && !handover.isDone) {
      systemd.notify({ stopping: true, status: 'Finishing the requests in flight' })
      if (preStopDelay > 0) {
        state.move('draining')
        await sleep(preStopDelay, undefined, { signal: hurry.signal }).catch(() => undefined)
      }
    }
    state.move('closing')
    // First here, then in each child that has emptied the backlog: the last to close makes the kernel refuse.
    listening.shut()
    // After an upgrade the other backlogs are the new parent's.
    const ending = listening.listeners.flatMap((listener, index) =>
      handover.includes(listener) ? [] : [index],
    )
    upkeep.stop()
    await children.leave(ending, handover.receives)
    this.#release()
  }

  #release(): void {
    const { pool, state, resources, release } = this.#terms
    state.move('closed')
    this.#forgetSignal()
    release()
    releaseResources(resources)
    process.off('exit', this.#cleanUp)
    this.#endReaping()
    pool.emit('close')
  }

  /** The process exits under an open pool: children notice it by themselves, files do not. */
  readonly #cleanUp = (): void => {
    const { state, listening, resources } = this.#terms
    if (state.now !== 'closing') listening.close()
    resources.lockFiles.remove()
    resources.pidFile?.release()
  }
}
