import { type FSWatcher, watch } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fingerprint, type LoadedFile } from '../../shared/loaded-file.js'

/** Editors and compilers write a file in several steps, and several files at once. */
const SETTLE_MS = 100
/** But a file that is written all the time changes all the same. */
const LONGEST_SETTLE_MS = 1000

/** The fingerprint of a file that two threads have loaded with different contents: whatever it holds now is new to one of them. */
const SEVERAL = 'several'

/**
 * Watches files for a change of what is in them. Their folders are watched, since many editors put a new file in
 * the place of the old one.
 */
export class FileWatch {
  readonly #changed: (file: string) => void
  readonly #folders = new Map<string, FSWatcher>()
  /** What each file held when it was loaded, or looked at since. */
  readonly #contents = new Map<string, string>()
  /** Files that something has happened to. */
  readonly #touched = new Set<string>()
  #settling: NodeJS.Timeout | undefined
  #firstTouch = 0
  #isOpen = false

  /** `changed` is called once for all files that change together, with one of them; after `open` only. */
  constructor(changed: (file: string) => void) {
    this.#changed = changed
  }

  add(files: readonly LoadedFile[]): void {
    for (const { path, fingerprint: loaded } of files) {
      const known = this.#contents.get(path)
      if (known === loaded) continue
      this.#contents.set(path, known === undefined ? loaded : SEVERAL)
      const folder = dirname(path)
      if (!this.#folders.has(folder)) this.#watch(folder)
      // It may have changed since it was loaded, and before its folder was watched.
      this.#touch(path)
    }
  }

  /** From now on changes are told of, also those that came before. */
  open(): void {
    this.#isOpen = true
    if (this.#touched.size > 0) this.#settle()
  }

  close(): void {
    clearTimeout(this.#settling)
    for (const watcher of this.#folders.values()) watcher.close()
    this.#folders.clear()
  }

  #watch(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        const file = join(folder, basename(name ?? ''))
        if (this.#contents.has(file)) this.#touch(file)
      })
      // A folder that goes away takes its files with it; the next reload shows what is missing.
      watcher.on('error', () => watcher.close())
      this.#folders.set(folder, watcher)
    } catch {
      // No more watches to be had, or the folder is gone: the other files are watched all the same.
    }
  }

  #touch(file: string): void {
    if (this.#touched.size === 0) this.#firstTouch = performance.now()
    this.#touched.add(file)
    if (this.#isOpen) this.#settle()
  }

  #settle(): void {
    clearTimeout(this.#settling)
    const longestMs = Math.max(0, this.#firstTouch + LONGEST_SETTLE_MS - performance.now())
    this.#settling = setTimeout(() => this.#compare(), Math.min(SETTLE_MS, longestMs))
  }

  #compare(): void {
    let found: string | undefined
    for (const file of this.#touched) {
      const now = fingerprint(file)
      // In the middle of being replaced; the event of the new file is still to come.
      if (now === '' || now === this.#contents.get(file)) continue
      this.#contents.set(file, now)
      found = file
    }
    this.#touched.clear()
    if (found !== undefined) this.#changed(found)
  }
}
