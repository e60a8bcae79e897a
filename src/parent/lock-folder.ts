import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A private folder (mode 0700) with the lock file of the accept mutex (mode 0600). */
export class LockFolder {
  readonly lockPath: string
  readonly #folder: string

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'forkthread-'))
    this.lockPath = join(this.#folder, 'accept.lock')
    closeSync(openSync(this.lockPath, 'wx', 0o600))
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
