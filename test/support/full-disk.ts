import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from './temp-folder.js'

const PAGE_BYTES = 4096
const PAGES = 4

/** A file system in memory without room for another byte, or `undefined` where this user can't mount one. */
export function fullDisk():
  | (Disposable & { readonly path: string; file(name: string): string })
  | undefined {
  const folder = tempFolder()
  const { path } = folder
  try {
    const size = `size=${PAGES * PAGE_BYTES}`
    execFileSync('mount', ['-t', 'tmpfs', '-o', size, 'none', path], { stdio: 'ignore' })
  } catch {
    folder[Symbol.dispose]()
    return undefined
  }
  const file = (name: string): string => join(path, name)
  writeFileSync(file('filling'), Buffer.alloc(PAGES * PAGE_BYTES))
  const dispose = (): void => {
    // Lazily: whoever still has a file open there must not keep the test from ending.
    execFileSync('umount', ['-l', path])
    folder[Symbol.dispose]()
  }
  return { path, file, [Symbol.dispose]: dispose }
}
