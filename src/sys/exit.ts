import { declare } from './libc.js'

const exitNow = declare<[number], void>('void _exit(int status)')

/**
 * Ends the process at once: no exit handlers, no waiting for threads. `process.exit` joins the worker
 * threads first and so never returns while one sleeps in a C call (`flock`, `poll`).
 */
export function exitImmediately(status: number): never {
  exitNow(status)
  throw new Error('unreachable: _exit returned')
}
