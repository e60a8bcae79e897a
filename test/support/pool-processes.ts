import { readFileSync } from 'node:fs'
import { type Descriptor, descriptors } from './processes.js'

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
