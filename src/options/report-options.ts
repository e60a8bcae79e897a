import * as z from 'zod/mini'
import { ACCESS_LOG_FORMATS } from '../shared/access-log.js'
import { LOG_FORMATS, LOG_LEVELS } from '../shared/logger.js'
import { text, whole } from './kinds.js'
import { option } from './option.js'

/** Where the pool tells what it does, and takes orders. */
export const reportOptions = {
  admin: option(z.optional(z.union([whole(0, 65_535), text()])), {
    fixed: true,
    allowed:
      'a loopback address or a unix path: PORT, 127.0.0.1:PORT, [::1]:PORT, localhost:PORT or unix:PATH; or private, or off',
    meaning:
      "where the pool is asked how it does, and given orders (default: for the command private, a socket in the user's runtime folder by which list, status and the like find it; for createPool() off)",
    placeholder: 'ADDRESS',
  }),
  adminToken: option(z.optional(z.string().check(z.minLength(16), z.maxLength(200))), {
    fixed: true,
    allowed: 'a text of 16 to 200 characters',
    meaning:
      'what whoever gives orders at a TCP admin address must know; better in FORKTHREAD_ADMIN_TOKEN or the configuration file, where ps does not show it (default: none)',
    placeholder: 'TOKEN',
  }),
  accessLog: option(z.optional(text()), {
    allowed: 'a path, or - for standard output',
    meaning: 'where to log each request; opened anew on USR1 (default: nowhere)',
    placeholder: 'FILE|-',
  }),
  accessLogFormat: option(z._default(z.enum(ACCESS_LOG_FORMATS), 'combined'), {
    allowed: "'combined', 'common' or 'json'",
    meaning: "form of its lines: Apache's, or one JSON object each (default: combined)",
    placeholder: 'combined|common|json',
  }),
  threadPrefix: option(z._default(z.boolean(), false), {
    allowed: 'true or false',
    meaning: 'each line that a handler prints begins with its process and thread, as in [0.3]',
  }),
  logFormat: option(z.optional(z.enum(LOG_FORMATS)), {
    fixed: true,
    allowed: "'pretty' or 'json'",
    meaning:
      "form of the pool's own lines on standard error (default: pretty on a terminal, else JSON)",
    placeholder: 'pretty|json',
  }),
  logLevel: option(z.optional(z.enum(LOG_LEVELS)), {
    fixed: true,
    allowed: LOG_LEVELS.map((level) => `'${level}'`).join(', '),
    meaning: 'from which level on a line is written (default: info)',
    placeholder: 'LEVEL',
  }),
}

/** Addresses of those that only look. */
export const watcherOptions = {
  metrics: option(z.optional(z.union([whole(0, 65_535), text()])), {
    fixed: true,
    allowed: 'an address of its own: PORT, HOST:PORT, [V6]:PORT or unix:PATH',
    meaning:
      'where to read, on any interface, and give no orders: /metrics (Prometheus), /status.json, /live, /ready; a PORT alone is on every interface (default: nowhere)',
    placeholder: 'ADDRESS',
  }),
  agentCheck: option(z.optional(z.union([whole(0, 65_535), text()])), {
    fixed: true,
    allowed: 'an address of its own: PORT, HOST:PORT, [V6]:PORT or unix:PATH, not that of admin',
    meaning:
      "where HAProxy's agent-check learns the share of idle threads, and when the pool drains; a PORT alone is on every interface (default: nowhere)",
    placeholder: 'ADDRESS',
  }),
}
