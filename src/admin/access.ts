import type { IncomingMessage } from 'node:http'
import { nodeCrypto } from '../shared/node-modules.js'
import type { Answer } from './answer.js'

/**
 * Where nobody gives orders, whoever may connect may read. Elsewhere a web page must not, by a name that its owner lets point to this
 * machine.
 */
export function refusalToAsk(request: IncomingMessage, isReadOnly: boolean): Answer | undefined {
  if (!isReadOnly)
    return isLocalName(request) ? undefined : { status: 403, body: 'ask for localhost\n' }
  const { method } = request
  const isAllowed = method === 'GET' || method === 'HEAD'
  return isAllowed ? undefined : { status: 405, body: 'no orders are taken here\n' }
}

/** No web page gives orders, and over TCP, where everybody on this machine can connect, only who has the token, if there is one. */
export function refusalToOrder(
  request: IncomingMessage,
  token: string | undefined,
): Answer | undefined {
  return refusalToPage(request) ?? refusalWithoutToken(request, token)
}

function isLocalName({ headers, socket }: IncomingMessage): boolean {
  // A unix socket is reached by its path, whatever the header says.
  if (socket.remoteAddress === undefined) return true
  const name = (headers.host ?? '').replace(/:\d+$/, '')
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(name)
}

/**
 * A page in a browser of this machine can send a POST here, though it can't read the answer. But it can't do so without
 * an `Origin`, nor with this content type unless it is allowed to, and nobody here answers its question for that.
 */
function refusalToPage({ headers, url = '' }: IncomingMessage): Answer | undefined {
  if (headers.origin !== undefined)
    return { status: 403, body: 'no orders are taken from a web page (Origin was sent)\n' }
  const type = headers['content-type']
  if (type === 'application/json') return undefined
  const found = type === undefined ? 'it is missing' : `it is ${type}`
  const how = `curl -X POST -H 'Content-Type: application/json' http://${headers.host ?? 'HOST:PORT'}${url}`
  return {
    status: 403,
    body: `an order needs the header Content-Type: application/json, and ${found}: ${how}\n`,
  }
}

function refusalWithoutToken(
  { headers, socket }: IncomingMessage,
  token: string | undefined,
): Answer | undefined {
  if (token === undefined || socket.remoteAddress === undefined) return undefined
  const [, given = ''] = /^Bearer (.+)$/i.exec(headers.authorization ?? '') ?? []
  // Of hashes, so that neither the length nor the first wrong letter shows in the time that it takes.
  const { createHash, timingSafeEqual } = nodeCrypto()
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  if (timingSafeEqual(digest(given), digest(token))) return undefined
  const body =
    'an order needs the header Authorization: Bearer TOKEN, with the adminToken of this pool\n'
  return { status: 401, body, headers: { 'WWW-Authenticate': 'Bearer' } }
}
