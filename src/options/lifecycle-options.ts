import * as z from 'zod/mini'
import { MAX_PROCESSES } from '../sync/limits.js'
import { whole } from './kinds.js'
import { MS, milliseconds, option, PATIENCE, patience } from './option.js'

/** How processes start, take over from each other, and leave. */
export const lifecycleOptions = {
  drainTimeout: option(z._default(patience, 30_000), {
    allowed: PATIENCE,
    meaning: 'ms a leaving process may take to finish its requests (default: 30000)',
    placeholder: 'MS',
  }),
  shutdownIdleTimeout: option(z._default(milliseconds, 2000), {
    allowed: MS.replace('0 (never)', '0 (at once)'),
    meaning:
      'ms that a connection must have been idle for the end of the pool to close it; before that, its next response says so (default: 2000, at most keepAliveTimeout counts)',
    placeholder: 'MS',
  }),
  signalSpread: option(z._default(milliseconds, 0), {
    allowed: MS,
    meaning:
      'ms over which threads that leave tell their apps (signal, SIGTERM), so that WebSocket clients do not all come back at once; at most half of drainTimeout counts (default: 0, at once)',
    placeholder: 'MS',
  }),
  startTimeout: option(z._default(patience, 30_000), {
    allowed: PATIENCE,
    meaning: 'ms a process may take to load the handler (default: 30000)',
    placeholder: 'MS',
  }),
  preStopDelay: option(z._default(milliseconds, 0), {
    allowed: MS,
    meaning:
      'ms between the word that the pool is draining (/ready) and the end of serving (default: 0)',
    placeholder: 'MS',
  }),
  reloadBatch: option(z._default(whole(1, MAX_PROCESSES / 2), 1), {
    allowed: `a whole number from 1 to ${MAX_PROCESSES / 2}`,
    meaning: 'processes that a reload may have above the usual number at a time (default: 1)',
    placeholder: 'N',
  }),
  canaryTime: option(z._default(milliseconds, 1000), {
    allowed: MS,
    meaning:
      'ms that the first process of a reload must stay up before others follow (default: 1000)',
    placeholder: 'MS',
  }),
  watch: option(z._default(z.boolean(), false), {
    fixed: true,
    allowed: 'true or false',
    meaning: 'for development: reload when a file changes that the handler has loaded',
  }),
}
