import type { PoolOptions } from './options/options.js'
import type { Pool } from './parent/pool.js'
import { requirePlatform } from './shared/platform.js'

/**
 * Binds the listeners, starts the processes and their threads, and resolves when all of them are ready to serve.
 * Options and their limits are listed in docs/options.md.
 *
 * @throws ForkthreadError with a `code`: FT_ERR_OPTION, FT_ERR_OPTION_UNKNOWN, FT_ERR_ADDRESS and FT_ERR_ADDRESS_*,
 *   FT_ERR_HOST_NOT_FOUND, FT_ERR_TLS, FT_ERR_SOCKET_PATH, FT_ERR_SOCKET_RIGHTS, FT_ERR_SYSTEMD_SOCKETS, FT_ERR_ACCOUNT,
 *   FT_ERR_PRIVILEGES, FT_ERR_PID_FILE, FT_ERR_PID_FILE_HELD, FT_ERR_HANDLER_NOT_FOUND, FT_ERR_HANDLER_LOAD (its `cause` is what the
 *   handler threw), FT_ERR_HANDLER_EXPORT, FT_ERR_CHILD_DIED, FT_ERR_START_TIMEOUT, FT_ERR_PLATFORM; nothing is left
 *   running or bound then
 */
export async function createPool(options: PoolOptions): Promise<Pool> {
  requirePlatform()
  // Only now: it reaches libc.
  const { Pool } = await import('./parent/pool.js')
  // The parent's room and the admin's know nothing of each other and meet here.
  return await Pool.create(options, async () => {
    const { AdminServer } = await import('./admin/server.js')
    return (...given) => new AdminServer(...given)
  })
}
