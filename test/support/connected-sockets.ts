import { readFileSync } from 'node:fs'
import { descriptors } from './processes.js'

const ESTABLISHED = '01'
/** Columns of /proc/net/tcp, and of tcp6. */
const STATE = 3
const INODE = 9

/**
 * How many descriptors of each process are TCP connections (a listener is none). Needs /proc, and takes long on a
 * machine with many connections: the table is the whole network namespace's.
 */
export function connectedSockets(pids: readonly number[]): number[] {
  // Descriptors first: one that is opened later must not take the number of a connection that ended in between.
  const open = pids.map(descriptors)
  const established = new Set(['tcp', 'tcp6'].flatMap(establishedInodes))
  return open.map((all) => all.filter(({ target }) => established.has(target)).length)
}

function establishedInodes(table: string): string[] {
  return readFileSync(`/proc/net/${table}`, 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[STATE] === ESTABLISHED)
    .map((columns) => `socket:[${columns[INODE]}]`)
}
