import { orderAdmin } from '../admin/client.js'
import { parseAddress } from '../options/address.js'
import type { OrderName } from '../shared/stats.js'
import { print } from './print.js'

/** What is said of an order that was carried out. */
export const DONE: Readonly<Record<OrderName, string>> = {
  reload: 'reloaded',
  upgrade: 'a new parent has taken over',
  stop: 'stopped',
  resize: 'resized',
  drain: 'draining: /ready is 503, and the pool serves on',
  undrain: 'ready again',
  kill: 'the thread has ended, and is replaced',
  'log-level': 'changed',
}

/**
 * `forkthread reload|upgrade|stop|… [--admin ADDRESS]`: has a running pool do it, shows the steps, and ends when it is done.
 * @throws what the pool failed of, FT_ERR_ADMIN, FT_ERR_ADDRESS
 */
export async function order(
  name: OrderName,
  admin: string,
  query: Readonly<Record<string, string>>,
  token: string | undefined,
): Promise<number> {
  const what = { name, query, token }
  await orderAdmin(admin, parseAddress(admin, 'admin'), what, (step) => print.notice(step))
  print.notice(DONE[name])
  return 0
}
