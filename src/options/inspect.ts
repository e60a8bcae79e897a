import * as z from 'zod'

export const INSPECT_PORT = 9229

/** Where DevTools find a thread: `9229`, `'9229'`, `'127.0.0.1:9229'` or `'[::1]:9229'`. */
export const inspectSchema = z
  .union([
    z.int().min(0).max(65_535),
    z.string().regex(/^(?:(?:[^:[\]\s/]+|\[[^\]\s]+\]):)?\d{1,5}$/),
  ])
  .transform((given) => {
    const [, host = '127.0.0.1', port = ''] = /^(?:(.+):)?(\d+)$/.exec(String(given)) ?? []
    return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
  })
  .refine(({ port }) => port <= 65_535)
  .optional()
