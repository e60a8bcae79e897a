import type { LogFormat, Logger, LogLevel } from '../../shared/logger.js'
import { isTerminal, writeStderr } from '../../shared/standard-output.js'
import { PrettyLog } from './pretty-log.js'

/** A log whose level may change while it is used. */
export interface Log extends Logger {
  level: string
}

export interface LogOptions {
  readonly logFormat?: LogFormat | undefined
  readonly logLevel?: LogLevel | undefined
}

/** The pool's own log, on standard error: for people on a terminal, one JSON object a line for everybody else. */
export async function createLog({ logFormat, logLevel = 'info' }: LogOptions): Promise<Log> {
  const format = logFormat ?? (isTerminal('stderr') ? 'pretty' : 'json')
  if (format === 'pretty') return new PrettyLog(logLevel)
  // A person at a terminal does not pay for it.
  const { pino } = await import('pino')
  // Each line says itself whose pid it is about. And it is written without waiting for whoever reads it.
  const log: Log = pino({ base: { name: 'forkthread' }, level: logLevel }, { write: writeStderr })
  return log
}
