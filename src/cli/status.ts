import { setTimeout as sleep } from 'node:timers/promises'
import { type Size, statusText, USUAL_SIZE } from '../admin/status-text.js'
import { painted } from '../admin/terminal-line.js'
import { readPage, readStats } from './ask-pool.js'

const REFRESH_MS = 1000

/** `forkthread status [--json]`: prints what a running pool is doing, for people or as `pool.stats()`. @throws FT_ERR_ADMIN, FT_ERR_ADDRESS */
export async function status(admin: string, isJson: boolean): Promise<number> {
  const text = isJson
    ? `${JSON.stringify(await readStats(admin), undefined, 2)}\n`
    : await readStatus(admin)
  process.stdout.write(text)
  return 0
}

/** `forkthread top` where there is no terminal to draw on: the status anew each second until the pool is gone. @throws FT_ERR_ADMIN, FT_ERR_ADDRESS */
export async function repeatStatus(admin: string): Promise<never> {
  for (;;) {
    process.stdout.write(await readStatus(admin))
    await sleep(REFRESH_MS)
  }
}

async function readStatus(admin: string): Promise<string> {
  const lines = statusText(await readPage(admin, Date.now()), screenSize())
  return lines.map((line) => `${painted(line)}\n`).join('')
}

/** A line is left for the prompt. */
function screenSize(): Size {
  const { isTTY, rows, columns } = process.stdout
  return isTTY && rows > 0 && columns > 0 ? { rows: rows - 1, columns } : USUAL_SIZE
}
