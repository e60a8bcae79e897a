import kleur from 'kleur'
import { LOG_LEVELS, type Logger } from '../../shared/logger.js'
import { isTerminal, writeStderr } from '../../shared/standard-output.js'
import { describeError } from './describe-error.js'

type Fields = Readonly<Record<string, unknown>>

/** The lines as a person reads them: the time and a sentence; with errors the stack of the user's code. */
export class PrettyLog implements Logger {
  level: string

  constructor(level: string) {
    this.level = level
  }

  debug(_: Fields, message: string): void {
    this.#write('debug', kleur.dim(message))
  }

  info(_: Fields, message: string): void {
    this.#write('info', message)
  }

  warn(_: Fields, message: string): void {
    this.#write('warn', kleur.yellow(message))
  }

  error({ err }: Fields, message: string): void {
    this.#write('error', kleur.red(err instanceof Error ? describeError(err) : message))
  }

  #write(level: (typeof LOG_LEVELS)[number], text: string): void {
    const names: readonly string[] = LOG_LEVELS
    if (names.indexOf(level) >= names.indexOf(this.level)) writeStderr(`${stamp()} ${text}\n`)
  }
}

/** A log has its time from journald or Docker; a person at a terminal wants it here. */
function stamp(): string {
  const time = new Date().toISOString()
  return kleur.dim(isTerminal('stderr') ? time.slice(11, 19) : time)
}
