import { askAdmin } from '../admin/client.js'
import type { PageData } from '../admin/page-data.js'
import { parseAddress } from '../options/address.js'
import { fail } from '../shared/errors.js'
import type { Stats } from '../shared/stats.js'

/** What `pool.stats()` returns. @throws FT_ERR_ADMIN, FT_ERR_ADDRESS */
export async function readStats(admin: string): Promise<Stats> {
  const isStats = (found: Partial<Stats>): boolean =>
    Array.isArray(found.processes) && found.totals !== undefined
  return (await read(admin, '/status.json', isStats)) as Stats
}

/** All that there is to see of a pool, with the plots' points that are later than `since` (epoch ms). @throws FT_ERR_ADMIN, FT_ERR_ADDRESS */
export async function readPage(admin: string, since: number): Promise<PageData> {
  const isPage = (found: Partial<PageData>): boolean =>
    Array.isArray(found.stats?.processes) && found.health !== undefined
  return (await read(admin, `/page.json?since=${since}`, isPage)) as PageData
}

/** Any server may answer 200 at a wrong address. */
async function read<T extends object>(
  admin: string,
  path: string,
  isIt: (found: Partial<T>) => boolean,
): Promise<Partial<T>> {
  const { status, body } = await askAdmin(admin, parseAddress(admin, 'admin'), path)
  if (status !== 200) throw fail('FT_ERR_ADMIN', [admin, `it answered ${status}: ${body.trim()}`])
  const found = parsed(body)
  if (found !== undefined && isIt(found as Partial<T>)) return found as Partial<T>
  throw fail('FT_ERR_ADMIN', [admin, `${NO_ADMIN}: '${body.trim().slice(0, 40)}'`])
}

const NO_ADMIN = 'what answers there is no admin address of forkthread; its answer begins with'

function parsed(body: string): object | undefined {
  try {
    const found: unknown = JSON.parse(body)
    return typeof found === 'object' && found !== null ? found : undefined
  } catch {
    return undefined
  }
}
