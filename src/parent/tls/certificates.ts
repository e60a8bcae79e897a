import { type Stats, stat, statSync } from 'node:fs'
import { isDeepStrictEqual, promisify } from 'node:util'
import type { TlsOption } from '../../options/tls-options.js'
import type { TlsTerms } from '../../shared/terms.js'
import { filesOf, readIdentities } from './read-identities.js'

/** Of `node:fs/promises` nothing else is wanted in a parent, and it loads what reads lines, too. */
const statFile = promisify(stat)

/** A new certificate and its key are two files, written one after the other: so long they may not fit together. */
const PATIENCE_LOOKS = 5

/** Certificates of one generation, which follow their files. */
export class Certificates {
  readonly #options: readonly TlsOption[]
  readonly #owner: string
  readonly #files: readonly string[]
  /** What the files looked like before they were read. */
  #seen: string
  #terms: TlsTerms
  #failedLooks = 0

  /** `owner` is the address whose own they are. @throws FT_ERR_TLS */
  constructor(options: readonly TlsOption[], owner: string) {
    this.#options = options
    this.#owner = owner
    this.#files = filesOf(options)
    this.#seen = this.#files.map((file) => describe(file, statOrNone(file))).join('\n')
    this.#terms = readIdentities(options, owner)
  }

  /** Of this moment. */
  get terms(): TlsTerms {
    return this.#terms
  }

  /**
   * Looks at the files, and reads them anew if one has changed. Returns whether there is something new to serve with. By their
   * status and not by watching them: that follows links (to where certbot or Kubernetes have put the new ones) and works on any file system.
   * @throws FT_ERR_TLS once, if what is there now is of no use for several looks; what was read before stays
   */
  async renew(): Promise<boolean> {
    const now = await this.#look()
    if (now === this.#seen) return false
    try {
      const terms = readIdentities(this.#options, this.#owner)
      this.#seen = now
      this.#failedLooks = 0
      const isNew = !isDeepStrictEqual(terms, this.#terms)
      this.#terms = terms
      return isNew
    } catch (error) {
      if (++this.#failedLooks === PATIENCE_LOOKS) throw error
      return false
    }
  }

  async #look(): Promise<string> {
    const looks = this.#files.map(async (file) =>
      describe(file, await statFile(file).catch(() => undefined)),
    )
    return (await Promise.all(looks)).join('\n')
  }
}

function statOrNone(file: string): Stats | undefined {
  try {
    return statSync(file)
  } catch {
    // What is wrong with it shows when it is read.
    return undefined
  }
}

function describe(file: string, stats: Stats | undefined): string {
  if (stats === undefined) return `${file}: none`
  const { dev, ino, size, mtimeMs, ctimeMs } = stats
  return [file, dev, ino, size, mtimeMs, ctimeMs].join(':')
}
