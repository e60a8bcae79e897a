import { releaseOf } from '../children/code-release.js'
import type { Generation } from '../children/generation.js'

/** Whether the code on disk is still that of the generation: what starts later loads what is there then. */
export class CodeWatch {
  readonly #tell: (text: string) => void
  /** The generation whose code on disk is not what it was any more. */
  #outdated: Generation | undefined

  /** `tell` is called once in a generation. */
  constructor(tell: (text: string) => void) {
    this.#tell = tell
  }

  /** Why processes of this generation may differ in their code, if they may. */
  mixed(generation: Generation): string | undefined {
    if (this.#outdated !== generation) return undefined
    return `the code on disk is not that of generation ${generation.number}: processes and threads started since load it; reload to have all of one`
  }

  /** Before a start that nobody has ordered: it loads what is on disk. */
  isTheSame(generation: Generation): boolean {
    const { terms, release } = generation
    if (releaseOf(terms.handler) === release) return true
    if (this.#outdated === generation) return false
    this.#outdated = generation
    this.#tell(this.mixed(generation) ?? '')
    return false
  }
}
