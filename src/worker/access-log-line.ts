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
  return `${common(request)} "${clean(referer ?? '-')}" "${cleanAgent(agent ?? '-')}"`
}

/**
 * By hand: `JSON.stringify` of all would cost twice as much. What is the same for all lines of a thread is put together once, and a number that is not whole
 * is dear to write, so there is a table of what stands behind the point.
 */
function json(request: LoggedRequest, place: Place): string {
  const { remote, method, url, protocol, host, referer, agent } = request
  const { status, bytes, durationMs, queueMs } = request
  const times = `,"durationMs":${thousandths(durationMs)},${queueMs === undefined ? '' : `"queueMs":${thousandths(queueMs)},`}`
  return (
    `${opening()}${remote}","method":${quotedMethod(method)},"url":${quoted(url)},"protocol":"${protocol}",` +
    `${host === undefined ? '' : hostField(host)}"status":${status},"bytes":${bytes}${times}` +
    `${referer === undefined ? '' : `"referer":${quoted(referer)},`}${agent === undefined ? '' : agentField(agent)}${whereServed(place)}`
  )
}

let lastPlace: Place | undefined
let lastWhere = ''

function whereServed(place: Place): string {
  if (place !== lastPlace) {
    const { process, thread, generation, pid } = place
    lastPlace = place
    lastWhere = `"process":${process},"thread":${thread},"generation":${generation},"pid":${pid}}`
  }
  return lastWhere
}

/** Without the flag for Unicode it is a quick look at bytes; half of a pair is for `JSON.stringify` to judge. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NEEDS_ESCAPES = /["\\\x00-\x1f\x7f-\x9f\ud800-\udfff]/

function quoted(text: string): string {
  return NEEDS_ESCAPES.test(text) ? JSON.stringify(text) : `"${text}"`
}

/** For what is often the same as the last time. */
function remembering(make: (text: string) => string): (text: string) => string {
  let last: string | undefined
  let made = ''
  return (text) => {
    if (text !== last) {
      made = make(text)
      last = text
    }
    return made
  }
}

const quotedMethod = remembering(quoted)
const hostField = remembering((host) => `"host":${quoted(host)},`)
const agentField = remembering((agent) => `"userAgent":${quoted(agent)},`)
const cleanAgent = remembering(clean)

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNCLEAN = /["\\\x00-\x1f\x7f-\x9f]/
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
let openedAt = -1
let opened = ''

/** With the time, `2026-11-27T13:55:36.123Z`: but for the milliseconds made once a second. */
function opening(): string {
  const at = Date.now()
  if (at === openedAt) return opened
  openedAt = at
  const thisSecond = Math.floor(at / SECOND_MS)
  if (thisSecond !== isoSecond) {
    isoSecond = thisSecond
    isoShown = new Date(at).toISOString().slice(0, '2026-11-27T13:55:36.'.length)
  }
  opened = `{"time":"${isoShown}${THREE_DIGITS[at % SECOND_MS]}Z","remote":"`
  return opened
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

const THREE_DIGITS = Array.from({ length: 1000 }, (_, number) => String(number).padStart(3, '0'))
/** `.5` for 500 thousandths, and nothing for none. */
const BEHIND_THE_POINT = THREE_DIGITS.map((digits) => `.${digits}`.replace(/\.?0+$/, ''))

/** To three places. */
function thousandths(ms: number): string {
  const all = Math.round(ms * 1000)
  // Not below 0, and as a number of the quick kind up to 35 minutes.
  if (!(all >= 0 && all < 2 ** 31)) return String(all / 1000)
  return `${(all / 1000) | 0}${BEHIND_THE_POINT[all % 1000]}`
}
