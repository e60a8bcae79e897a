import type { OutputTerms } from '../sync/line-output.js'

export const ACCESS_LOG_FORMATS = ['combined', 'common', 'json'] as const

export type AccessLogFormat = (typeof ACCESS_LOG_FORMATS)[number]

/** As the path of an access log: standard output. */
export const TO_STDOUT = '-'

/** Where and how requests are logged. */
export interface AccessLogSettings {
  readonly path: string
  readonly format: AccessLogFormat
}

/** What a worker thread needs to log its requests. */
export interface AccessLogTerms {
  readonly format: AccessLogFormat
  readonly terms: OutputTerms
  /** What it has yet to write, for its child to write when it is gone. */
  readonly pending: SharedArrayBuffer
}
