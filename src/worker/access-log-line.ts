import type { AccessLogFormat } from '../shared/access-log.js'
import { type AsciiWriter, asciiBytes, repeating } from '../sync/ascii-writer.js'

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

/** Writes a line of pure ASCII, with its newline. */
export type LineFormat = (out: AsciiWriter, request: LoggedRequest) => void

/** For the requests of this thread. */
export function lineFormat(format: AccessLogFormat, place: Place): LineFormat {
  return format === 'json' ? json(place) : format === 'common' ? common : combined
}

const NEWLINE = asciiBytes('\n')

/** Apache's `common`: `%h %l %u %t "%r" %>s %b`. */
const common: LineFormat = (out, request) => {
  beginning(out, request)
  out.bytes(NEWLINE)
}

/** Apache's `combined`: `common`, and `"%{Referer}i" "%{User-Agent}i"`. */
const combined: LineFormat = (out, request) => {
  beginning(out, request)
  commonEnd(out, request.referer ?? '-', request.agent ?? '-')
}

const commonStart = repeating((out, remote: string, time: Uint8Array, method: string) => {
  out.text(`${remote || '-'} - - [`)
  out.bytes(time)
  out.text('] "')
  out.escaped(method)
  out.text(' ')
})

const commonStatus = repeating((out, protocol: string, status: number) => {
  out.text(` ${protocol}" ${status} `)
})

const commonEnd = repeating((out, referer: string, agent: string) => {
  out.text(' "')
  out.escaped(referer)
  out.text('" "')
  out.escaped(agent)
  out.text('"\n')
})

function beginning(
  out: AsciiWriter,
  { at, remote, method, url, protocol, status, bytes }: LoggedRequest,
): void {
  commonStart(out, remote, localTime(at), method)
  out.escaped(url)
  commonStatus(out, protocol, status)
  if (bytes > 0) out.number(bytes)
  else out.text('-')
}

const DURATION = asciiBytes(',"durationMs":')
const QUEUE = asciiBytes(',"queueMs":')

const jsonStart = repeating((out, remote: string, method: string) => {
  out.text(`","remote":"${remote}","method":`)
  out.quoted(method)
  out.text(',"url":')
})

const jsonStatus = repeating((out, protocol: string, host: string | undefined, status: number) => {
  out.text(`,"protocol":"${protocol}",`)
  if (host !== undefined) {
    out.text('"host":')
    out.quoted(host)
    out.text(',')
  }
  out.text(`"status":${status},"bytes":`)
})

/** One object a line. */
function json({ process, thread, generation, pid }: Place): LineFormat {
  const end = repeating((out, referer: string | undefined, agent: string | undefined) => {
    if (referer !== undefined) {
      out.text(',"referer":')
      out.quoted(referer)
    }
    if (agent !== undefined) {
      out.text(',"userAgent":')
      out.quoted(agent)
    }
    out.text(`,"process":${process},"thread":${thread},"generation":${generation},"pid":${pid}}\n`)
  })
  return (out, request) => {
    const { queueMs } = request
    out.bytes(isoTime(request.at))
    jsonStart(out, request.remote, request.method)
    out.quoted(request.url)
    jsonStatus(out, request.protocol, request.host, request.status)
    out.number(request.bytes)
    out.bytes(DURATION)
    out.thousandths(request.durationMs)
    if (queueMs !== undefined) {
      out.bytes(QUEUE)
      out.thousandths(queueMs)
    }
    end(out, request.referer, request.agent)
  }
}

const SECOND_MS = 1000
const MINUTES = 60

let isoAt = -1
let isoShown = asciiBytes('')

/** `{"time":"2026-11-27T13:55:36.123Z`: made once a millisecond. */
function isoTime(at: number): Uint8Array {
  if (at !== isoAt) {
    isoAt = at
    isoShown = asciiBytes(`{"time":"${new Date(at).toISOString()}`)
  }
  return isoShown
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

let second = -1
let shown = asciiBytes('')

/** `10/Oct/2000:13:55:36 -0700`: made once a second. */
function localTime(at: number): Uint8Array {
  const thisSecond = Math.floor(at / SECOND_MS)
  if (thisSecond === second) return shown
  second = thisSecond
  const date = new Date(at)
  const offset = -date.getTimezoneOffset()
  const zone = `${two(Math.floor(Math.abs(offset) / MINUTES))}${two(Math.abs(offset) % MINUTES)}`
  const day = `${two(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}`
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  shown = asciiBytes(`${day}:${time} ${offset < 0 ? '-' : '+'}${zone}`)
  return shown
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}
