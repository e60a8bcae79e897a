import { readFileSync } from 'node:fs'
import { askAdmin } from '../admin/client.js'
import { parseAddress } from '../options/address.js'
import { fail } from '../shared/errors.js'
import { privateSockets } from '../shared/runtime-folder.js'
import type { Stats } from '../shared/stats.js'

/** Which pool is meant, as the command line says it. */
export interface Meant {
  readonly admin: string | undefined
  /** Of its parent. */
  readonly pid: string | undefined
  readonly pidFile: string | undefined
}

export interface FoundPool {
  readonly pid: number
  /** As `--admin` takes it. */
  readonly admin: string
  readonly stats: Stats
}

/**
 * The admin address of the pool that is meant: as given, or the private socket of this process id, or of the only pool of this user that runs.
 * @throws FT_ERR_NO_POOL if there is none, or more than one
 */
export async function findPool({ admin, pid, pidFile }: Meant): Promise<string> {
  if (admin !== undefined) return admin
  const meant = pid ?? (pidFile === undefined ? undefined : readPid(pidFile))
  if (meant !== undefined) {
    if (!/^\d+$/.test(meant))
      throw fail('FT_ERR_USAGE', [`--pid takes the process id of a pool, and '${meant}' is none.`])
    // Not put together from the number: another user's folder may stand in its place, and would see the token.
    const path = privateSockets().find(({ pid }) => pid === Number(meant))?.path
    if (path === undefined)
      throw fail('FT_ERR_NO_POOL', [
        `Process ${meant} has no private admin socket of this user here.`,
      ])
    return `unix:${path}`
  }
  const pools = await runningPools()
  const [only] = pools
  if (only === undefined) throw fail('FT_ERR_NO_POOL', [NONE])
  if (pools.length === 1) return only.admin
  const list = pools.map(({ pid, stats }) => `${pid} (${addressesOf(stats)})`).join(', ')
  throw fail('FT_ERR_NO_POOL', [`Several pools run: ${list}; say which by --pid or --admin.`])
}

const NONE =
  'No pool of this user was found here; give --admin ADDRESS, or start the pool without --admin off.'

export const addressesOf = ({ listeners }: Stats): string =>
  listeners.map(({ address }) => address).join(' ')

/** Those of this user that answer at their private socket, by process id. */
export async function runningPools(): Promise<readonly FoundPool[]> {
  const found = await Promise.all(
    privateSockets().map(async ({ pid, path }) => {
      const admin = `unix:${path}`
      try {
        const { status, body } = await askAdmin(admin, parseAddress(admin, 'admin'), '/status.json')
        return status === 200 ? [{ pid, admin, stats: JSON.parse(body) as Stats }] : []
      } catch {
        // It has just gone, or another program has its number by now.
        return []
      }
    }),
  )
  return found.flat().sort((one, other) => one.pid - other.pid)
}

function readPid(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw fail('FT_ERR_ADMIN', [path, (error as Error).message])
  }
}
