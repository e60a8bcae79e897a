import { readdirSync, readFileSync } from 'node:fs'

/** One line for each watched descriptor: `tfd:       19 events: 10000019 data:               1d …`. */
const WATCHED = /^tfd: +\d+ events: +([0-9a-f]+) data: .*$/gm
const EXCLUSIVE = 2 ** 28

/**
 * How many epoll instances of a process watch something exclusively (proc(5)): event loops that are called for connections. Also one in which a
 * thread sleeps that runs no code any more.
 */
export function watchingLoops(pid: number): number {
  const folder = `/proc/${pid}/fdinfo`
  // An instance has several descriptors, which say the same; no two have the same numbers for their calls.
  const loops = new Set<string>()
  for (const fd of readdirSync(folder)) {
    const watched = [...readInfo(`${folder}/${fd}`).matchAll(WATCHED)]
    const exclusive = watched.filter(([, events = '']) => (parseInt(events, 16) & EXCLUSIVE) !== 0)
    if (exclusive.length > 0) loops.add(exclusive.map(([line]) => line).join('\n'))
  }
  return loops.size
}

function readInfo(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // It was closed meanwhile.
    return ''
  }
}
