import { setTimeout as sleep } from 'node:timers/promises'
import { askAdmin } from '../admin/client.js'
import { statusText } from '../admin/status-text.js'
import { parseAddress } from '../options/address.js'
import { fail } from '../shared/errors.js'
import type { Stats } from '../shared/stats.js'

const REFRESH_MS = 1000
/** Cursor home, and behind what is written then, clear the rest. */
const HOME = '\x1b[H'
const CLEAR_REST = '\x1b[J'
const CLEAR_LINE_END = '\x1b[K\n'

/** `forkthread status --admin ADDRESS [--json]`: prints what a running pool is doing, for people or as `pool.stats()`. @throws FT_ERR_ADMIN, FT_ERR_ADDRESS */
export async function status(admin: string, isJson: boolean): Promise<number> {
  const stats = await readStats(admin)
  process.stdout.write(isJson ? `${JSON.stringify(stats, undefined, 2)}\n` : statusText(stats))
  return 0
}

/** `forkthread top --admin ADDRESS`: shows it anew each second until the pool is gone. @throws FT_ERR_ADMIN, FT_ERR_ADDRESS */
export async function top(admin: string): Promise<number> {
  const { isTTY } = process.stdout
  if (isTTY) process.stdout.write(HOME + CLEAR_REST)
  for (;;) {
    const text = statusText(await readStats(admin))
    process.stdout.write(isTTY ? HOME + text.replaceAll('\n', CLEAR_LINE_END) + CLEAR_REST : text)
    await sleep(REFRESH_MS)
  }
}

async function readStats(admin: string): Promise<Stats> {
  const { status: code, body } = await askAdmin(admin, parseAddress(admin, 'admin'), '/status.json')
  if (code !== 200) throw fail('FT_ERR_ADMIN', [admin, `it answered ${code}: ${body.trim()}`])
  return statsOf(admin, body)
}

/** Any server may answer 200 at a wrong address. @throws FT_ERR_ADMIN */
function statsOf(admin: string, body: string): Stats {
  const stats = parsed(body)
  if (Array.isArray(stats?.processes) && stats.totals !== undefined) return stats as Stats
  const begin = body.trim().slice(0, 40)
  throw fail('FT_ERR_ADMIN', [admin, `${NO_ADMIN}: '${begin}'`])
}

const NO_ADMIN = 'what answers there is no admin address of forkthread; its answer begins with'

function parsed(body: string): Partial<Stats> | undefined {
  try {
    return (JSON.parse(body) as Partial<Stats> | null) ?? undefined
  } catch {
    return undefined
  }
}
