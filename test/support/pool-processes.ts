import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import type { Program } from './cli.js'
import { type Descriptor, descriptors } from './processes.js'
import { until } from './until.js'

const LIMIT_MS = 30_000

/** CPU time of processes so far, in clock ticks (hundredths of a second): all their threads, user and system. */
export function cpuTicks(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return sum + Number(fields[11]) + Number(fields[12])
  }, 0)
}

/**
 * What each process has open, in an order that makes two looks comparable. /dev/null is left out: libuv opens it with the
 * first stream of each event loop and keeps it (`emfile_fd`). So is the file of NODE_EXTRA_CA_CERTS, which newer versions of Node
 * read in a thread of its own once `node:tls` is loaded (nodejs/node#59856), and without close-on-exec: who is forked meanwhile keeps it.
 */
export function openDescriptors(pids: readonly number[]): Record<number, string[]> {
  return Object.fromEntries(
    pids.map((pid) => [
      pid,
      descriptors(pid)
        .map(kind)
        .filter((target) => target !== '/dev/null' && target !== process.env.NODE_EXTRA_CA_CERTS)
        .sort(),
    ]),
  )
}

/** Without the numbers of sockets and pipes, which differ between two that serve the same end. */
function kind({ target }: Descriptor): string {
  return target.replace(/:\[\d+\]$/, '')
}

/** All processes of the pool, the parent first. */
export const family = (program: Program) => [program.pid, ...program.descendants()]

/** Everything that is open in the pool is back to what it was; connections that clients just left may take a moment. */
export async function sameDescriptors(
  program: Program,
  idle: Record<number, string[]>,
): Promise<void> {
  let now = {}
  const isSame = () => {
    now = openDescriptors(family(program))
    return JSON.stringify(now) === JSON.stringify(idle)
  }
  await until(isSame, LIMIT_MS, 'the idle descriptors').catch(() => assert.equal(now, idle))
}
