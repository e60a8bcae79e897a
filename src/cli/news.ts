import { createLog, type Log, type LogOptions } from '../parent/log/create-log.js'
import { logError } from '../parent/log/log-pool.js'
import { PrettyLog } from '../parent/log/pretty-log.js'

// Before the options are read there may be news, too.
let log: Log = new PrettyLog('info')

/** The log of the command that serves; the pool's, too, when it has one. */
export function openLog(options: LogOptions): Log {
  log = createLog(options)
  return log
}

const about = { event: 'notice', pid: process.pid }

/** News go to standard error; standard output holds the ready lines only, for programs to read. */
export const news = {
  notice(text: string): void {
    log.info(about, text)
  },
  warning(text: string): void {
    log.warn(about, text)
  },
  /** A survived error, with the stack of what caused it. */
  problem(error: Error): void {
    logError(log, error)
  },
}
