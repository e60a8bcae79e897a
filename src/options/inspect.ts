import * as z from 'zod/mini'
import { form, whole } from './kinds.js'

export const INSPECT_PORT = 9229

const FORM = /^(?:(?:[^:[\]\s/]+|\[[^\]\s]+\]):)?\d{1,5}$/

/** Where DevTools find a thread: `9229`, `'9229'`, `'127.0.0.1:9229'` or `'[::1]:9229'`. */
export const inspectSchema = z.optional(
  z
    .pipe(
      z.union([whole(0, 65_535), form(FORM)]),
      z.transform((given) => {
        const [, host = '127.0.0.1', port = ''] = /^(?:(.+):)?(\d+)$/.exec(String(given)) ?? []
        return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
      }),
    )
    .check(z.refine(({ port }) => port <= 65_535)),
)
