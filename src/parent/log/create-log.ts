import type { LogFormat, Logger, LogLevel } from '../../shared/logger.js'
import { isTerminal } from '../../shared/standard-output.js'
import { JsonLog } from './json-log.js'
import { PrettyLog } from './pretty-log.js'

/** A log whose level may change while it is used, and which may hold back its lines as long as the pool starts. */
export interface Log extends Logger {
  level: string
  open?(): void
}

export interface LogOptions {
  readonly logFormat?: LogFormat | undefined
  readonly logLevel?: LogLevel | undefined
}

/** The pool's own log, on standard error: for people on a terminal, one JSON object a line for everybody else. */
export function createLog({ logFormat, logLevel = 'info' }: LogOptions): Log {
  const format = logFormat ?? (isTerminal('stderr') ? 'pretty' : 'json')
  return format === 'pretty' ? new PrettyLog(logLevel) : new JsonLog(logLevel)
}
