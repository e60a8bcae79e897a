import { existsSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'

/**
 * Relative paths go by the name that the shell gave to the working folder (`PWD`), where that is the same folder. A deployment often
 * starts in a folder that is a symbolic link to the current release, and changes the link: a reload is to follow it, and not
 * to stay in a folder that may be gone by then.
 */
const startCwd = workingFolder()
const startWay = isSameFolder(process.env.PWD, startCwd) ? process.env.PWD : startCwd

/** What relative paths are relative to, also when the folder in which this process works has been removed. */
export function startFolder(): string {
  const now = workingFolder()
  // Who has changed it since means that one.
  return now === undefined || now === startCwd ? (startWay ?? '/') : now
}

export function fromStartFolder(path: string): string {
  return resolve(startFolder(), path)
}

/** Where a new process can work: a folder that is there. Node does not start in one that is gone. */
export function folderForChildren(): string {
  const folder = startFolder()
  return existsSync(folder) ? folder : '/'
}

/** Undefined if it has been removed. */
function workingFolder(): string | undefined {
  try {
    return process.cwd()
  } catch {
    return undefined
  }
}

function isSameFolder(one: string | undefined, other: string | undefined): boolean {
  try {
    return one !== undefined && other !== undefined && realpathSync(one) === realpathSync(other)
  } catch {
    return false
  }
}
