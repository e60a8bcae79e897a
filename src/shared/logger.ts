/** As pino names them; the lower ones are left out. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

export type LogLevel = (typeof LOG_LEVELS)[number]

export const LOG_FORMATS = ['pretty', 'json'] as const

export type LogFormat = (typeof LOG_FORMATS)[number]

/** What a line is about, by the numbers of the scoreboard: `processes[process].threads[thread]` in `stats()`. */
export interface Origin {
  /** The place of the process in the scoreboard. */
  readonly process?: number
  readonly thread?: number
  readonly generation?: number
  /** Of the process; of the parent where it is about the whole pool. */
  readonly pid?: number
}

type LogMethod = (fields: Readonly<Record<string, unknown>>, message: string) => void

/** A logger as pino makes them (bunyan's have these methods, too). */
export interface Logger {
  readonly debug: LogMethod
  readonly info: LogMethod
  readonly warn: LogMethod
  readonly error: LogMethod
}
