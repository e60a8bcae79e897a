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
  commonReferer(out, request.referer ?? '-')
  commonAgent(out, request.agent ?? '-')
}

const commonReferer = repeating((out, referer) => {
  out.text(' "')
  out.escaped(referer)
  out.text('" "')
})

const commonAgent = repeating((out, agent) => {
  out.escaped(agent)
  out.text('"\n')
})

const commonRemote = repeating((out, remote) => out.text(`${remote || '-'} - - [`))

const commonMethod = repeating((out, method) => {
  out.text('] "')
  out.escaped(method)
  out.text(' ')
})

const commonProtocol = repeating((out, protocol) => out.text(` ${protocol}" `))

function beginning(
  out: AsciiWriter,
  { at, remote, method, url, protocol, status, bytes }: LoggedRequest,
): void {
  commonRemote(out, remote)
  out.bytes(localTime(at))
  commonMethod(out, method)
  out.escaped(url)
  commonProtocol(out, protocol)
  out.number(status)
  out.text(' ')
  if (bytes > 0) out.number(bytes)
  else out.text('-')
}

const BYTES = asciiBytes(',"bytes":')
const DURATION = asciiBytes(',"durationMs":')
const QUEUE = asciiBytes(',"queueMs":')

const jsonRemote = repeating((out, remote) => out.text(`","remote":"${remote}","method":`))

const jsonMethod = repeating((out, method) => {
  out.quoted(method)
  out.text(',"url":')
})

const jsonProtocol = repeating((out, protocol) => out.text(`,"protocol":"${protocol}",`))

const jsonHost = repeating((out, host) => {
  out.text('"host":')
  out.quoted(host)
  out.text(',')
})

const jsonReferer = repeating((out, referer) => {
  out.text(',"referer":')
  out.quoted(referer)
})

const jsonAgent = repeating((out, agent) => {
  out.text(',"userAgent":')
  out.quoted(agent)
})

/** One object a line. */
function json({ process, thread, generation, pid }: Place): LineFormat {
  const where = asciiBytes(
    `,"process":${process},"thread":${thread},"generation":${generation},"pid":${pid}}\n`,
  )
  return (out, request) => {
    const { host, queueMs, referer, agent } = request
    out.bytes(isoTime(request.at))
    jsonRemote(out, request.remote)
    jsonMethod(out, request.method)
    out.quoted(request.url)
    jsonProtocol(out, request.protocol)
    if (host !== undefined) jsonHost(out, host)
    out.text('"status":')
    out.number(request.status)
    out.bytes(BYTES)
    out.number(request.bytes)
    out.bytes(DURATION)
    out.thousandths(request.durationMs)
    if (queueMs !== undefined) {
      out.bytes(QUEUE)
      out.thousandths(queueMs)
    }
    if (referer !== undefined) jsonReferer(out, referer)
    if (agent !== undefined) jsonAgent(out, agent)
    out.bytes(where)
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
