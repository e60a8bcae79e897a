import * as z from 'zod/mini'
import { MAX_PERMITS } from '../sync/limits.js'
import { whole } from './kinds.js'
import { MS, milliseconds, option } from './option.js'

/** Who accepts, and what becomes of a connection. */
export const connectionOptions = {
  acceptMutex: option(z._default(z.enum(['auto', 'flock', 'fcntl', 'none']), 'auto'), {
    fixed: true,
    allowed: "'auto', 'flock' or, on Linux, 'fcntl' or 'none'",
    meaning:
      'how processes take turns to accept: a file lock, none (the kernel wakes one), or auto (default): none for one listener and few processes',
    placeholder: 'auto|flock|fcntl|none',
  }),
  acceptPermits: option(z._default(whole(1, MAX_PERMITS), 1), {
    fixed: true,
    allowed: `a whole number from 1 to ${MAX_PERMITS}`,
    meaning: 'processes that may accept at the same time, with an accept mutex (default: 1)',
    placeholder: 'N',
  }),
  keepAlive: option(z._default(z.enum(['auto', 'park', 'pin']), 'auto'), {
    allowed: "'auto', 'pin' or, on Linux, 'park'",
    meaning:
      'an idle keep-alive connection is handed back for any thread (park), stays with its thread (pin), or is handed back by threads whose handlers block them (auto, default)',
    placeholder: 'auto|park|pin',
    fixed: true,
  }),
  keepAliveTimeout: option(z._default(milliseconds, 5000), {
    allowed: MS,
    meaning: 'ms that an idle keep-alive connection stays open (default: 5000)',
    placeholder: 'MS',
  }),
  headersTimeout: option(z._default(milliseconds, 60_000), {
    allowed: `${MS}, not above requestTimeout`,
    meaning:
      'ms a client may take for the headers of a request (default: 60000, or requestTimeout if that is less)',
    placeholder: 'MS',
  }),
  requestTimeout: option(z._default(milliseconds, 300_000), {
    allowed: MS,
    meaning: 'ms a client may take for a whole request (default: 300000)',
    placeholder: 'MS',
  }),
}

/** What is turned away, and what is told of the wait. */
export const overloadOptions = {
  queueTimeout: option(z._default(milliseconds, 0), {
    allowed: MS,
    meaning:
      'ms that a request may wait for a thread; what has waited longer gets 503 with Retry-After before your code runs (default: 0, as long as it takes)',
    placeholder: 'MS',
  }),
  maxConnections: option(z._default(whole(0), 0), {
    allowed: 'a whole number, 0 for no limit',
    meaning:
      'connections that clients may have open in the whole pool; what comes beyond gets 503 (default: 0, no limit)',
    placeholder: 'N',
  }),
  trustRequestStart: option(z._default(z.boolean(), false), {
    allowed: 'true or false',
    meaning:
      'a proxy in front sets X-Request-Start or X-Queue-Start, and the wait counts from there; only where clients cannot set them',
  }),
  queueTimeHeader: option(z._default(z.enum(['off', 'x-queue-time', 'server-timing']), 'off'), {
    allowed: "'off', 'x-queue-time' or 'server-timing'",
    meaning: 'tell in each response how many ms its request has waited for a thread (default: off)',
    placeholder: 'off|x-queue-time|server-timing',
  }),
}
