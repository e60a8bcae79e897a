import { isDeepStrictEqual } from 'node:util'
import { USUAL_LISTEN } from '../options/listener-options.js'
import type { PoolOptions, Settings } from '../options/options.js'
import { ListensElsewhere } from './children/listens-elsewhere.js'
import { exportsNothing } from './exports-nothing.js'

const ONE = { min: 1, max: 1 } as const

/** Without `listens` nobody knows yet where: it throws ListensElsewhere if the handler is a program that says so. */
type Open<P> = (settings: Settings, listens: Partial<Settings> | undefined) => Promise<P>

/** Opens a pool where it is told to listen, else where its predecessor does, else where its program would; a handler's is the usual address. */
export async function openWhereItListens<P extends { close(): Promise<void> }>(
  options: PoolOptions,
  settings: Settings,
  predecessor: { readonly addresses: readonly string[] } | undefined,
  open: Open<P>,
): Promise<P> {
  const isTold = options.listen !== undefined || !isDeepStrictEqual(settings.listen, USUAL_LISTEN)
  if (isTold) return await open(settings, {})
  if (predecessor !== undefined) {
    const { addresses: listen } = predecessor
    return await open(settings, { listen })
  }
  // A program is started once to say where it listens, and one thread is enough for that. A handler is to serve at once.
  const isProgram = exportsNothing(settings.handler)
  const first = isProgram ? { ...settings, processes: ONE, threads: ONE } : settings
  try {
    const pool = await open(first, undefined)
    if (!isProgram) return pool
    await pool.close()
    return await open(settings, {})
  } catch (error) {
    if (!(error instanceof ListensElsewhere)) throw error
    const { addresses: listen, backlog, ipv6Only } = error
    return await open(settings, {
      listen,
      ...(options.backlog === undefined && backlog > 0 ? { backlog } : {}),
      ...(options.ipv6Only === undefined && ipv6Only ? { ipv6Only } : {}),
    })
  }
}
