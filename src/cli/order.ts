import { orderAdmin } from '../admin/client.js'
import { parseAddress } from '../options/address.js'
import type { OrderName } from '../shared/stats.js'
import { print } from './print.js'

const DONE: Readonly<Record<OrderName, string>> = {
  reload: 'reloaded',
  upgrade: 'a new parent has taken over',
  stop: 'stopped',
}

/**
 * `forkthread reload|upgrade|stop --admin ADDRESS`: has a running pool do it, shows the steps, and ends when it is done.
 * @throws what the pool failed of, FT_ERR_ADMIN, FT_ERR_ADDRESS
 */
export async function order(name: OrderName, admin: string): Promise<number> {
  await orderAdmin(admin, parseAddress(admin, 'admin'), name, (step) => print.notice(step))
  print.notice(DONE[name])
  return 0
}
