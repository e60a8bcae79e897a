import type { AccessLogFormat } from '../shared/access-log.js'
import { escaped, escapedForJson, milliseconds, repeated } from './log-text.js'

/** Whose requests these are, by the scoreboard. */
export interface Place {
  readonly process: number
  readonly thread: number
  readonly generation: number
  readonly pid: number
}

export interface LoggedRequest {
  /** When it ended, in whole ms since 1970. */
  readonly at: number
  /** The client's address; empty on a unix socket. */
  readonly remote: string
  readonly method: string
  readonly url: string
  readonly protocol: string
  readonly host: string | undefined
  readonly referer: string | undefined
  readonly agent: string | undefined
  readonly status: number
  /** Of the body. */
  readonly bytes: number
  /** From the request's arrival at the handler to the end of the response. */
  readonly durationMs: number
  readonly queueMs: number | undefined
}

/** A line of pure ASCII, with its newline. */
export type LineFormat = (request: LoggedRequest) => string

/** For the requests of this thread. */
export function lineFormat(format: AccessLogFormat, place: Place): LineFormat {
  return format === 'json' ? json(place) : format === 'common' ? common : combined
}

const SECOND_MS = 1000

/** Apache's `common`: `%h %l %u %t "%r" %>s %b`. */
const common: LineFormat = (request) => `${beginning(request)}\n`

/** Apache's `combined`: `common`, and `"%{Referer}i" "%{User-Agent}i"`. */
const combined: LineFormat = (request) =>
  beginning(request) + client(request.referer ?? '-', request.agent ?? '-')

function beginning({ at, remote, method, url, protocol, status, bytes }: LoggedRequest): string {
  const start = timeAndMethod(Math.floor(at / SECOND_MS), method)
  return `${remote || '-'}${start}${escaped(url)}${answer(protocol, status)}${bytes || '-'}`
}

const timeAndMethod = repeated(
  (second: number, method: string) => ` - - [${localTime(second)}] "${escaped(method)} `,
)

const answer = repeated((protocol: string, status: number) => ` ${protocol}" ${status} `)

const client = repeated(
  (referer: string, agent: string) => ` "${escaped(referer)}" "${escaped(agent)}"\n`,
)

/** One object a line. */
function json({ process, thread, generation, pid }: Place): LineFormat {
  const place = `,"process":${process},"thread":${thread},"generation":${generation},"pid":${pid}}\n`
  const jsonEnd = repeated((referer: string | undefined, agent: string | undefined) => {
    const from = referer === undefined ? '' : `,"referer":"${escapedForJson(referer)}"`
    const by = agent === undefined ? '' : `,"userAgent":"${escapedForJson(agent)}"`
    return from + by + place
  })
  return (request) => {
    const { at, remote, method, url, protocol, host, status, bytes, durationMs, queueMs } = request
    const start = jsonTime(at) + remote + jsonMethod(method) + escapedForJson(url)
    const took = `${bytes},"durationMs":${milliseconds(durationMs)}`
    const waited = queueMs === undefined ? '' : `,"queueMs":${milliseconds(queueMs)}`
    const end = jsonEnd(request.referer, request.agent)
    return start + jsonAnswer(protocol, host, status) + took + waited + end
  }
}

const jsonTime = repeated((at: number) => `{"time":"${new Date(at).toISOString()}","remote":"`)

const jsonMethod = repeated((method: string) => `","method":"${escapedForJson(method)}","url":"`)

const jsonAnswer = repeated((protocol: string, host: string | undefined, status: number) => {
  const named = host === undefined ? '' : `"host":"${escapedForJson(host)}",`
  return `","protocol":"${protocol}",${named}"status":${status},"bytes":`
})

const MINUTES = 60
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

/** `10/Oct/2000:13:55:36 -0700`. */
function localTime(second: number): string {
  const date = new Date(second * SECOND_MS)
  const offset = -date.getTimezoneOffset()
  const zone = `${two(Math.floor(Math.abs(offset) / MINUTES))}${two(Math.abs(offset) % MINUTES)}`
  const day = `${two(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}`
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return `${day}:${time} ${offset < 0 ? '-' : '+'}${zone}`
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}
