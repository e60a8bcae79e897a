import { repeatStatus } from './status.js'
import { LiveTop } from './top/live.js'

/**
 * `forkthread top`: the pool live, with keys, until somebody has seen enough. Where there is no terminal that one can draw on, its status anew each
 * second.
 * @throws FT_ERR_ADMIN, FT_ERR_ADDRESS, FT_ERR_NO_POOL when the pool is gone, or there is none
 */
export async function top(find: () => Promise<string>, token: string | undefined): Promise<never> {
  const { isTTY, columns } = process.stdout
  if (isTTY && columns > 0 && process.env.TERM !== 'dumb') return await LiveTop.run(find, token)
  return await repeatStatus(await find())
}
