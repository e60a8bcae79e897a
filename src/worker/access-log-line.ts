import type { AccessLogFormat } from '../shared/access-log.js'

/** Whose requests these are, by the scoreboard. */
export interface Place {
  readonly process: number
  readonly thread: number
  readonly generation: number
  readonly pid: number
}

export interface LoggedRequest {
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

type Line = (request: LoggedRequest, place: Place) => string

const lines: Readonly<Record<AccessLogFormat, Line>> = { common, combined, json }

/** With its newline. */
export function lineFor(format: AccessLogFormat): Line {
  return (request, place) => `${lines[format](request, place)}\n`
}

/** Apache's `common`: `%h %l %u %t "%r" %>s %b`. */
function common({ remote, method, url, protocol, status, bytes }: LoggedRequest): string {
  const request = `${clean(method)} ${clean(url)} ${protocol}`
  return `${remote || '-'} - - [${now()}] "${request}" ${status} ${bytes || '-'}`
}

/** Apache's `combined`: `common`, and `"%{Referer}i" "%{User-Agent}i"`. */
function combined(request: LoggedRequest): string {
  const { referer, agent } = request
  return `${common(request)} "${clean(referer ?? '-')}" "${clean(agent ?? '-')}"`
}

/** By hand: `JSON.stringify` of all would be half of what a line costs. */
function json(request: LoggedRequest, { process, thread, generation, pid }: Place): string {
  const { remote, method, url, protocol, host, referer, agent } = request
  const { status, bytes, durationMs, queueMs } = request
  return (
    `{"time":"${timestamp()}","remote":"${remote}","method":${quoted(method)},"url":${quoted(url)},"protocol":"${protocol}",` +
    `${host === undefined ? '' : `"host":${quoted(host)},`}"status":${status},"bytes":${bytes},"durationMs":${rounded(durationMs)},` +
    `${queueMs === undefined ? '' : `"queueMs":${rounded(queueMs)},`}` +
    `${referer === undefined ? '' : `"referer":${quoted(referer)},`}` +
    `${agent === undefined ? '' : `"userAgent":${quoted(agent)},`}` +
    `"process":${process},"thread":${thread},"generation":${generation},"pid":${pid}}`
  )
}

const NEEDS_ESCAPES = /["\\\p{Cc}\p{Cs}]/u

function quoted(text: string): string {
  return NEEDS_ESCAPES.test(text) ? JSON.stringify(text) : `"${text}"`
}

const UNCLEAN = /["\\\p{Cc}]/u
const EACH_UNCLEAN = /["\\\p{Cc}]/gu

/** What a client sends can't end its field, nor its line; as Apache writes it. */
function clean(text: string): string {
  // Nearly all are.
  if (!UNCLEAN.test(text)) return text
  return text.replace(EACH_UNCLEAN, (character) =>
    character === '"' || character === '\\'
      ? `\\${character}`
      : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const SECOND_MS = 1000
const MINUTES = 60

let second = -1
let shown = ''
/** Of the second of `isoSecond`, up to its point. */
let isoShown = ''
let isoSecond = -1

/** `2026-11-27T13:55:36.123Z`: but for the milliseconds made once a second. */
function timestamp(): string {
  const at = Date.now()
  const thisSecond = Math.floor(at / SECOND_MS)
  if (thisSecond !== isoSecond) {
    isoSecond = thisSecond
    isoShown = new Date(at).toISOString().slice(0, '2026-11-27T13:55:36.'.length)
  }
  return `${isoShown}${String(at % SECOND_MS).padStart(3, '0')}Z`
}

/** `10/Oct/2000:13:55:36 -0700`: made once a second. */
function now(): string {
  const at = Date.now()
  const thisSecond = Math.floor(at / SECOND_MS)
  if (thisSecond === second) return shown
  second = thisSecond
  const date = new Date(at)
  const offset = -date.getTimezoneOffset()
  const zone = `${two(Math.floor(Math.abs(offset) / MINUTES))}${two(Math.abs(offset) % MINUTES)}`
  const day = `${two(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}`
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  shown = `${day}:${time} ${offset < 0 ? '-' : '+'}${zone}`
  return shown
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}

function rounded(ms: number): number {
  return Math.round(ms * SECOND_MS) / SECOND_MS
}
