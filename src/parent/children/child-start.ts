import { fileURLToPath } from 'node:url'
import { fail } from '../../shared/errors.js'
import type { HandlerKind } from '../../shared/terms.js'
import type { ForkedChild } from './forked-child.js'
import { ListensElsewhere } from './listens-elsewhere.js'

/** A child tells itself that it has not become ready in time, and where its threads are: that takes a moment. */
const CHILD_FIRST_MS = 2500

/** The way of a child from its fork to its readiness, or to whatever ends it before that. */
export class ChildStart {
  readonly child: ForkedChild
  /**
   * What each listener serves, when the child is ready.
   * @throws the handler's error, FT_ERR_START_TIMEOUT, FT_ERR_CHILD_DIED, or ListensElsewhere if it wants to be told where to listen
   */
  readonly ready: Promise<readonly HandlerKind[]>
  #isReady = false
  #failure: Error | undefined
  readonly #late: NodeJS.Timeout
  #reject: (reason: Error) => void = () => undefined

  constructor(child: ForkedChild, handler: string, startTimeout: number) {
    this.child = child
    this.#late = setTimeout(() => {
      const path = fileURLToPath(handler)
      child.kill(fail('FT_ERR_START_TIMEOUT', [`Child ${child.pid}`, startTimeout, path, '']))
    }, startTimeout + CHILD_FIRST_MS)
    child.once('failed', (error) => {
      this.#failure = error
    })
    child.once('asks', (asked) => child.kill(new ListensElsewhere(asked)))
    this.ready = new Promise((resolve, reject) => {
      this.#reject = reject
      child.once('ready', (kinds) => {
        clearTimeout(this.#late)
        this.#isReady = true
        resolve(kinds)
      })
    })
  }

  /** Why it is gone, as far as the child or this process has said so. */
  get reason(): Error | undefined {
    return this.child.killedFor ?? this.#failure
  }

  /** The child is gone. Returns whether it had been ready; if not, whoever waits for that is told. */
  end(death: string): boolean {
    clearTimeout(this.#late)
    if (!this.#isReady)
      this.#reject(this.reason ?? fail('FT_ERR_CHILD_DIED', [this.child.pid, death]))
    return this.#isReady
  }
}
