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

/** `forkthread status --admin ADDRESS`: prints what a running pool is doing. @throws FT_ERR_ADMIN, FT_ERR_ADDRESS */
export async function status(admin: string): Promise<number> {
  process.stdout.write(await readStatus(admin))
  return 0
}

/** `forkthread top --admin ADDRESS`: shows it anew each second until the pool is gone. @throws FT_ERR_ADMIN, FT_ERR_ADDRESS */
export async function top(admin: string): Promise<number> {
  const { isTTY } = process.stdout
  if (isTTY) process.stdout.write(HOME + CLEAR_REST)
  for (;;) {
    const text = await readStatus(admin)
    process.stdout.write(isTTY ? HOME + text.replaceAll('\n', CLEAR_LINE_END) + CLEAR_REST : text)
    await sleep(REFRESH_MS)
  }
}

async function readStatus(admin: string): Promise<string> {
  const { status: code, body } = await askAdmin(admin, parseAddress(admin), '/status.json')
  if (code !== 200) throw fail('FT_ERR_ADMIN', [admin, `it answered ${code}: ${body.trim()}`])
  return statusText(JSON.parse(body) as Stats)
}
