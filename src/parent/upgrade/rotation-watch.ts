import { statSync } from 'node:fs'

const LOOK_EVERY_MS = 200

/**
 * While two parents of a pool have children, a rotation reaches one of them: who rotates sends USR1 to the pid that it knows, be that the one
 * that leaves or the one that comes. The other sees by its path that the file is another one, and has its children open that. Else they would write to the renamed
 * file, which may be compressed or removed by then, for as long as the last of their requests takes.
 */
export class RotationWatch {
  readonly #path: () => string | undefined
  readonly #reopen: () => void
  #timer: NodeJS.Timeout | undefined
  #last: string | undefined

  /** `path` of a log that can be rotated; `reopen` fails never. */
  constructor(path: () => string | undefined, reopen: () => void) {
    this.#path = path
    this.#reopen = reopen
  }

  start(): void {
    if (this.#timer !== undefined) return
    this.#last = this.#file()
    // The pool's end is what ends the process, not this.
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Between its renaming and the next file there is none: whoever was told makes it. */
  #look(): void {
    const file = this.#file()
    if (file === undefined || file === this.#last) return
    this.#last = file
    this.#reopen()
  }

  #file(): string | undefined {
    const path = this.#path()
    const found = path === undefined ? undefined : statSync(path, { throwIfNoEntry: false })
    return found === undefined ? undefined : `${found.dev}:${found.ino}`
  }
}
