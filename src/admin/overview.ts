import type { IncomingMessage } from 'node:http'
import type { AdminSource } from '../shared/stats.js'
import { version } from '../shared/version.js'
import { PAGE, pageHeaders } from './page.js'
import { pageData } from './page-data.js'
import { serverStatus } from './server-status.js'
import { statusText, USUAL_SIZE } from './status-text.js'
import { textOf } from './terminal-line.js'

export interface Overview {
  readonly body: string
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
}

const PATHS = ['/', '/server-status', '/page.json']

/** Whether that is what `overview` answers. */
export function isOverview(url: string): boolean {
  return PATHS.includes(url.split('?', 1)[0] ?? '')
}

/**
 * `/` is the page for who accepts HTML, as browsers say they do, and the text of `forkthread status` for everybody else; `/server-status` is
 * Apache's machine-readable form, which its monitors ask for with `?auto`. `undefined`: another path.
 */
export function overview(
  { url = '', headers }: IncomingMessage,
  source: AdminSource,
): Overview | undefined {
  const [path, query = ''] = url.split('?', 2)
  if (path === '/server-status' && /(^|&)auto\b/.test(query))
    return { body: serverStatus(source.stats(), source.cpu(), version()) }
  if (path === '/page.json') {
    const since = Number(new URLSearchParams(query).get('since') ?? 0)
    return { body: JSON.stringify(pageData(source, since)), type: 'application/json' }
  }
  if (path !== '/' && path !== '/server-status') return undefined
  if (/\btext\/html\b/.test(headers.accept ?? ''))
    return { body: PAGE, type: 'text/html; charset=utf-8', headers: pageHeaders() }
  const lines = statusText(pageData(source, Date.now()), USUAL_SIZE)
  return { body: lines.map((line) => `${textOf(line)}\n`).join(''), headers: { Vary: 'Accept' } }
}
