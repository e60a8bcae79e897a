import { parseAddress } from '../address.js'
import { askAdmin } from '../admin/client.js'
import { statusText } from '../admin/status-text.js'
import { fail } from '../errors.js'
import type { Stats } from '../stats.js'

/** `forkthread status --admin ADDRESS`: prints what a running pool is doing. @throws FT_ERR_ADMIN, FT_ERR_ADDRESS */
export async function status(admin: string): Promise<number> {
  const { status: code, body } = await askAdmin(admin, parseAddress(admin), '/status.json')
  if (code !== 200) throw fail('FT_ERR_ADMIN', [admin, `it answered ${code}: ${body.trim()}`])
  process.stdout.write(statusText(JSON.parse(body) as Stats))
  return 0
}
