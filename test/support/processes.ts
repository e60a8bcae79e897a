import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** One line of the process table, read from /proc/PID/stat. */
export interface ProcessEntry {
  readonly pid: number
  readonly parentPid: number
  readonly sessionId: number
  /** One letter as in ps(1): `R`, `S`, `T` stopped, … Zombies are not listed. */
  readonly state: string
}

export interface Descriptor {
  readonly fd: number
  /** What the link names: `socket:[1234]`, a path, `anon_inode:[eventpoll]`, … */
  readonly target: string
}

/**
 * Every process that runs or could run again. A zombie is left out: it holds nothing but its exit
 * status, and in a container without an init it may stay for ever.
 * Where there is no /proc the list is empty.
 */
export function processes(): ProcessEntry[] {
  const entries: ProcessEntry[] = []
  for (const name of readFolder('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const entry = readEntry(Number(name))
    if (entry && !'ZX'.includes(entry.state)) entries.push(entry)
  }
  return entries
}

/** Whether the process exists and is no zombie. */
export function isRunning(pid: number): boolean {
  const entry = readEntry(pid)
  return entry !== undefined && !'ZX'.includes(entry.state)
}

/** Whether every thread of a process has been stopped by a signal. */
export function isStopped(pid: number): boolean {
  const threads = readFolder(`/proc/${pid}/task`)
  return threads.every((thread) => readEntry(pid, Number(thread))?.state === 'T')
}

/** What a file of each thread of a process says, such as `comm`; those that end while it looks are left out. */
export function readOfThreads(pid: number, file: string): string[] {
  return readFolder(`/proc/${pid}/task`).flatMap((thread) => {
    const text = ifPresent(() => readFileSync(`/proc/${pid}/task/${thread}/${file}`, 'utf8'))
    return text === undefined ? [] : [text]
  })
}

/** The pids whose parent is `pid`, in ascending order. */
export function children(pid: number): number[] {
  return processes()
    .filter((entry) => entry.parentPid === pid)
    .map((entry) => entry.pid)
    .sort((a, b) => a - b)
}

/** The children of `pid`, their children and so on; `pid` itself is not among them. */
export function descendants(pid: number): number[] {
  const table = processes()
  const found: number[] = []
  const seen = new Set([pid])
  for (const parent of seen) {
    for (const entry of table) {
      if (entry.parentPid !== parent || seen.has(entry.pid)) continue
      seen.add(entry.pid)
      found.push(entry.pid)
    }
  }
  return found
}

/**
 * What runs of a session (a process started with `detached: true` leads one): the leader, its
 * descendants, and those whose parents are gone. The session outlives every parent in it, so
 * this finds what a walk from parent to child cannot.
 */
export function sessionMembers(leader: number): number[] {
  const table = processes()
  const members = new Set(descendants(leader))
  for (const { pid, sessionId } of table) {
    if (pid === leader || sessionId === leader) members.add(pid)
  }
  return [...members]
}

/** The open descriptors of a process; those that close while it looks are left out. */
export function descriptors(pid: number): Descriptor[] {
  const folder = `/proc/${pid}/fd`
  const found: Descriptor[] = []
  for (const name of readFolder(folder)) {
    const target = ifPresent(() => readlinkSync(`${folder}/${name}`))
    // A module that a thread just loads is open for a moment.
    if (target === undefined || /\.([cm]?js|json)$/.test(target)) continue
    found.push({ fd: Number(name), target })
  }
  return found.sort((a, b) => a.fd - b.fd)
}

/** Sends a signal; `false` if the process was already gone. */
export function send(pid: number, signal: NodeJS.Signals): boolean {
  return ifPresent(() => process.kill(pid, signal)) ?? false
}

function readEntry(pid: number, thread = pid): ProcessEntry | undefined {
  const stat = ifPresent(() => readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'))
  if (stat === undefined) return undefined
  // "PID (NAME) STATE PPID PGRP SESSION …": a name may hold spaces and brackets, so start behind the last one.
  const [state = '', parentPid, , sessionId] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { pid, parentPid: Number(parentPid), sessionId: Number(sessionId), state }
}

function readFolder(path: string): string[] {
  return ifPresent(() => readdirSync(path)) ?? []
}

/** Processes and threads end while we read about them: ENOENT, or ESRCH from an open /proc file, is the normal case. */
export function ifPresent<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}
