import { AsyncResource } from 'node:async_hooks'

/** Node need not notice by garbage collection that one of these is gone; `emitDestroy` says so. */
const OPTIONS = { requireManualDestroy: true } as const

/** Kept where user code can't reach it, and called at once: what it makes has the context of its caller. */
const ownResource = (): AsyncResource => new AsyncResource('FORKTHREAD', OPTIONS)

/**
 * The async context in which connections begin: that of the moment in which this object was made.
 *
 * The pool's own code runs wherever it is called: at the end of a request, say, in that request's context, and the next
 * connection that is taken there would be born in it and hand it on (`AsyncLocalStorage`: one client's user, trace or tenant
 * seen by another). So everything that is not the business of the request at hand begins here.
 *
 * Each time in an async resource of its own: up to Node 22 `enterWith` writes its store onto the resource that runs, and must
 * not find one that the next connection shares.
 */
export class RootContext {
  readonly #root = ownResource()

  run<A extends unknown[], R>(begin: (...args: A) => R, ...args: A): R {
    const own = this.#root.runInAsyncScope(ownResource)
    try {
      return own.runInAsyncScope(begin, undefined, ...args)
    } finally {
      own.emitDestroy()
    }
  }
}
