import { readdirSync, readFileSync } from 'node:fs'
import { noteSpawns } from '../../shared/note-spawns.js'
import { adoptsOrphans, reap } from '../../sys/wait.js'

const LOOK_EVERY_MS = 1000

/** Programs of this process itself, for which Node waits. */
const own = new Set<number>()
let isNoting = false

/**
 * Where this process is the first of a container, processes whose parents are gone become its children, and stay defunct if nobody
 * waits for them. Reaps them; returns what ends that.
 */
export function reapOrphans(): () => void {
  if (process.platform !== 'linux' || !adoptsOrphans()) return () => undefined
  if (!isNoting) {
    isNoting = true
    // Those that were started before are taken for its own: they may be.
    for (const { pid } of childrenOfThis()) own.add(pid)
    noteSpawns({ started: (pid) => own.add(pid), ended: (pid) => own.delete(pid) })
  }
  const timer = setInterval(() => {
    for (const { pid, isDefunct } of childrenOfThis()) if (isDefunct && !own.has(pid)) reap(pid)
  }, LOOK_EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

function childrenOfThis(): { readonly pid: number; readonly isDefunct: boolean }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
      // "PID (NAME) STATE PPID …": a name may hold anything.
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return Number(parent) === process.pid ? [{ pid: Number(name), isDefunct: state === 'Z' }] : []
    } catch {
      // It has ended meanwhile, for whoever waits for it.
      return []
    }
  })
}
