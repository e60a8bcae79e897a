import { spawnSync } from 'node:child_process'
import { test } from 'uvu'
import { cliPath } from './paths.js'

/** The one user that every machine has and that may do nothing. */
export const NOBODY = 65_534

/** Why privileges can't be dropped here; `undefined` if they can. */
function obstacle(): string | undefined {
  if (process.platform !== 'linux') return 'only on Linux'
  if (process.getuid?.() !== 0) return 'needs root'
  const read = spawnSync(process.execPath, ['-e', 'fs.accessSync(process.argv[1])', cliPath], {
    uid: NOBODY,
    gid: NOBODY,
  })
  return read.status === 0 ? undefined : 'the checkout is in a folder that only root may enter'
}

const reason = obstacle()

/** A test that drops root: skipped, with a message, where that is impossible. */
export function testAsRoot(name: string, body: () => Promise<void>): void {
  if (reason === undefined) {
    test(name, body)
    return
  }
  console.log(`skipped: "${name}": ${reason}`)
  test.skip(name, body)
}

/** Numbers of one line of /proc/PID/status: `Uid:`, `Groups:` … */
export function numbers(status: string, line: string): number[] {
  const found = new RegExp(`^${line}:[ \\t]*(.*)$`, 'm').exec(status)?.[1] ?? ''
  return found.split(/\s+/).filter(Boolean).map(Number)
}
