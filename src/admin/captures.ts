import { createReadStream, rmSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { AdminSource, CaptureKind } from '../shared/stats.js'

const PATHS: Readonly<Record<string, CaptureKind>> = { '/profile': 'profile', '/heap': 'heap' }
const MOST_SECONDS = 300
const USUAL_SECONDS = 10

export interface CaptureRequest {
  readonly kind: CaptureKind
  /** Process and thread, as in the scoreboard. */
  readonly process: number
  readonly thread: number
  readonly seconds: number
}

/** `POST /profile?thread=P.T&seconds=10` or `POST /heap?thread=P.T`; a text says what is wrong with it, `undefined` that it is something else. */
export function captureOf({ url = '' }: IncomingMessage): CaptureRequest | string | undefined {
  const { pathname, searchParams } = new URL(url, 'http://localhost')
  const kind = PATHS[pathname]
  if (kind === undefined) return undefined
  const [, process, thread] = /^(\d{1,3})\.(\d{1,2})$/.exec(searchParams.get('thread') ?? '') ?? []
  const seconds = Number(searchParams.get('seconds') ?? USUAL_SECONDS)
  if (process === undefined || thread === undefined)
    return 'thread=P.T is expected, such as 0.1: process and thread of the scoreboard\n'
  if (!(seconds > 0 && seconds <= MOST_SECONDS))
    return `seconds is a number above 0, up to ${MOST_SECONDS}\n`
  return { kind, process: Number(process), thread: Number(thread), seconds }
}

/** Answers with the file that DevTools open. Settles when it is sent, or nobody wants it any more. */
export async function answerCapture(
  response: ServerResponse,
  request: CaptureRequest,
  source: AdminSource,
): Promise<void> {
  let path: string
  try {
    path = await source.capture(request)
  } catch (error) {
    response.writeHead(409, { 'Content-Type': 'text/plain; charset=utf-8' })
    response.end(`${error instanceof Error ? error.message : error}\n`)
    return
  }
  try {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
    // A client that hangs up is no failure of the pool.
    await pipeline(createReadStream(path), response).catch(() => undefined)
  } finally {
    rmSync(dirname(path), { recursive: true, force: true })
  }
}
