import type { PoolOptions } from './options.js'
import type { Pool } from './parent/pool.js'
import { requirePlatform } from './platform.js'

export { type ErrorCode, ForkthreadError } from './errors.js'
export type {
  ConnectionHandler,
  FetchHandler,
  HandlerContext,
  HandlerModule,
  RequestHandler,
  UpgradeHandler,
} from './handler.js'
export type { PoolOptions } from './options.js'
export type { ChildInfo, ExitInfo, Pool, PoolEvents } from './parent/pool.js'
export type { Decision, ListenerStats, ProcessStats, Stats, ThreadStats } from './stats.js'

/**
 * Binds the listeners, starts the processes and their threads, and resolves when all of them are ready to serve.
 * Options and their limits are listed in the README.
 *
 * @throws ForkthreadError with a `code`: FT_ERR_OPTION, FT_ERR_OPTION_UNKNOWN, FT_ERR_ADDRESS and FT_ERR_ADDRESS_*,
 *   FT_ERR_HOST_NOT_FOUND, FT_ERR_SOCKET_PATH, FT_ERR_HANDLER_NOT_FOUND, FT_ERR_HANDLER_LOAD (its `cause` is what the
 *   handler threw), FT_ERR_HANDLER_EXPORT, FT_ERR_CHILD_DIED, FT_ERR_START_TIMEOUT, FT_ERR_PLATFORM; nothing is left
 *   running or bound then
 */
export async function createPool(options: PoolOptions): Promise<Pool> {
  requirePlatform()
  const { Pool } = await import('./parent/pool.js')
  return await Pool.create(options)
}
