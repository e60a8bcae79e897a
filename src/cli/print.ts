import kleur from 'kleur'
import { describeError } from '../parent/log/describe-error.js'

// kleur looks at standard output only, but all of this goes to standard error.
kleur.enabled = process.stderr.isTTY && process.stderr.hasColors()

/** What a command tells whoever has called it, in plain text. The one that serves has a log. */
export const print = {
  /** A step of an order that is carried out. */
  notice(text: string): void {
    const time = new Date().toISOString()
    console.error(`${kleur.dim(process.stderr.isTTY ? time.slice(11, 19) : time)} ${text}`)
  },
  /** The error that the command ends with. */
  failure(error: unknown): void {
    const text = error instanceof Error ? describeError(error) : String(error)
    console.error(`${kleur.red().bold('forkthread:')} ${text}`)
  },
}
