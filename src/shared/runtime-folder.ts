import { lstatSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The value of `admin` that means the private socket. */
export const PRIVATE = 'private'

const OWNER_ONLY = 0o700
const OTHERS = 0o077
const SOCKET = /^(\d+)\.sock$/

/** What `sockaddr_un` takes, with its last zero (Linux 108, macOS 104). */
const LONGEST_PATH = 103

/**
 * Where the private admin sockets of this user's pools are: `$XDG_RUNTIME_DIR/forkthread`, else `forkthread-UID` among the temporary files. Nobody
 * else may look into it, or it is not used.
 */
function runtimeFolder(): string {
  const base = process.env.XDG_RUNTIME_DIR
  if (base !== undefined && base !== '') return join(base, 'forkthread')
  return join(tmpdir(), `forkthread-${process.getuid?.() ?? 'user'}`)
}

/** Whether it is this user's alone, and no link to somewhere else. */
function isOurs(folder: string): boolean {
  try {
    const found = lstatSync(folder)
    return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & OTHERS) === 0
  } catch {
    return false
  }
}

/** The path of this process's private socket, for its first use; `undefined` where there can be none. Sockets of processes that are gone are removed. */
export function preparePrivateSocket(): string | undefined {
  const folder = runtimeFolder()
  try {
    // Not the folders above it: a variable that names none is a mistake.
    mkdirSync(folder, { mode: OWNER_ONLY })
  } catch {
    // It is there, or can't be: see below.
  }
  const path = privateSocket(process.pid)
  if (!isOurs(folder) || Buffer.byteLength(path) > LONGEST_PATH) return undefined
  try {
    for (const { pid, path } of sockets(folder)) if (!isRunning(pid)) rmSync(path, { force: true })
  } catch {
    // Somebody else is at it.
  }
  return path
}

/** At the end of a process that had a private socket: leaves no folder behind that nobody else uses. */
export function leaveRuntimeFolder(): void {
  try {
    rmdirSync(runtimeFolder())
  } catch {
    // Another pool has its socket there.
  }
}

function privateSocket(pid: number): string {
  return join(runtimeFolder(), `${pid}.sock`)
}

/** The private sockets of processes of this user that run; whether they answer is to be asked. */
export function privateSockets(): readonly { readonly pid: number; readonly path: string }[] {
  const folder = runtimeFolder()
  if (!isOurs(folder)) return []
  return sockets(folder).filter(({ pid }) => isRunning(pid))
}

function sockets(folder: string): { readonly pid: number; readonly path: string }[] {
  return readdirSync(folder).flatMap((name) => {
    const pid = Number(SOCKET.exec(name)?.[1])
    return pid > 0 ? [{ pid, path: join(folder, name) }] : []
  })
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
