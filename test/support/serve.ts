import { createPool, type ForkthreadError, type Pool, type PoolOptions } from 'forkthread'
import { portOf } from './http.js'
import { fixture } from './paths.js'

/** A pool of this process with a fixture as its handler. */
export interface Serving extends AsyncDisposable {
  readonly pool: Pool
  /** Such as `http://127.0.0.1:4711`. */
  readonly url: string
  readonly port: number
  /** What the pool has reported so far. */
  readonly errors: readonly ForkthreadError[]
}

/**
 * One process with one thread on a free port, unless `options` say otherwise.
 * Say `await using`: it closes the pool.
 */
export async function serve(
  name: string,
  options: Omit<PoolOptions, 'handler'> = {},
): Promise<Serving> {
  const pool = await createPool({
    handler: fixture(name),
    listen: '127.0.0.1:0',
    processes: 1,
    threads: 1,
    drainTimeout: 5_000,
    // No test waits for clients that have nothing more to say, unless it is about them.
    shutdownIdleTimeout: 0,
    ...options,
  })
  const errors: ForkthreadError[] = []
  pool.on('error', (error) => errors.push(error as ForkthreadError))
  return {
    pool,
    url: pool.address,
    port: pool.address.startsWith('unix:') ? 0 : portOf(pool.address),
    errors,
    [Symbol.asyncDispose]: () => pool.close(),
  }
}

/** The stack of what the user's code threw; empty if the report does not carry it. */
export function causeStack(error: ForkthreadError | undefined): string {
  return error?.cause instanceof Error ? String(error.cause.stack) : ''
}
