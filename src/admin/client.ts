import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { createInterface } from 'node:readline'
import type { Address } from '../options/address.js'
import { deserializeError, fail } from '../shared/errors.js'
import { nodeHttp } from '../shared/node-modules.js'
import type { OrderName } from '../shared/stats.js'
import type { OrderLine } from './order-stream.js'

const PATIENCE_MS = 5000

export interface AdminAnswer {
  readonly status: number
  readonly body: string
}

/** Asks the admin address of a running pool. @throws FT_ERR_ADMIN when nobody answers there */
export async function askAdmin(
  given: string,
  address: Address,
  path: string,
): Promise<AdminAnswer> {
  const response = await send(given, address, { path }, (asked) => {
    asked.setTimeout(PATIENCE_MS, () =>
      asked.destroy(new Error(`no answer within ${PATIENCE_MS} ms`)),
    )
  })
  return { status: response.statusCode ?? 0, body: await bodyOf(given, response) }
}

export interface OrderGiven {
  readonly name: OrderName
  readonly query: Readonly<Record<string, string>>
  /** See the option `adminToken`. */
  readonly token: string | undefined
}

function orderHeaders(token: string | undefined): Record<string, string> {
  const type = { 'Content-Type': 'application/json' }
  return token === undefined ? type : { ...type, Authorization: `Bearer ${token}` }
}

/**
 * Gives an order to a running pool, passes on its steps, and resolves when it is carried out.
 * @throws what the order failed of, FT_ERR_ADMIN when nobody answers or the answer breaks off
 */
export async function orderAdmin(
  given: string,
  address: Address,
  { name, query, token }: OrderGiven,
  tell: (step: string) => void,
): Promise<void> {
  const asked = new URLSearchParams(query).toString()
  const path = `/${name}${asked === '' ? '' : `?${asked}`}`
  const headers = orderHeaders(token)
  const response = await send(given, address, { path, method: 'POST', headers })
  if (response.statusCode !== 200) {
    const why = `it answered ${response.statusCode}: ${(await bodyOf(given, response)).trim()}`
    throw fail('FT_ERR_ADMIN', [given, why])
  }
  try {
    for await (const text of createInterface({ input: response })) {
      const line = orderLine(given, text)
      if ('done' in line) return
      if ('error' in line) throw deserializeError(line.error)
      tell(line.step)
    }
  } catch (error) {
    if (!response.errored) throw error
  }
  throw fail('FT_ERR_ADMIN', [given, 'the pool ended before it had carried out the order'])
}

/** Gives an order whose answer is a file, and returns that as a stream. @throws FT_ERR_ADMIN */
export async function openAdminStream(
  given: string,
  address: Address,
  path: string,
  token: string | undefined,
): Promise<IncomingMessage> {
  const headers = orderHeaders(token)
  const response = await send(given, address, { path, method: 'POST', headers })
  if (response.statusCode === 200) return response
  const why = `it answered ${response.statusCode}: ${(await bodyOf(given, response)).trim()}`
  throw fail('FT_ERR_ADMIN', [given, why])
}

/** Any server may answer 200 at a wrong address. @throws FT_ERR_ADMIN */
function orderLine(given: string, text: string): OrderLine {
  try {
    const line = JSON.parse(text) as OrderLine
    if ('done' in line || 'error' in line || typeof line.step === 'string') return line
  } catch {
    // No JSON, or null.
  }
  const why = `what answers there is no admin address of forkthread: '${text.slice(0, 40)}'`
  throw fail('FT_ERR_ADMIN', [given, why])
}

async function send(
  given: string,
  address: Address,
  options: RequestOptions,
  prepare: (request: ClientRequest) => void = () => undefined,
): Promise<IncomingMessage> {
  const target = targetOf(given, address)
  return await new Promise((resolve, reject) => {
    const asked = nodeHttp().request({
      ...target,
      ...options,
      headers: { ...target.headers, ...options.headers },
    })
    prepare(asked)
    asked.on('response', resolve)
    asked.on('error', (error) => reject(fail('FT_ERR_ADMIN', [given, error.message], error)))
    asked.end()
  })
}

function targetOf(given: string, address: Address): RequestOptions {
  if (address.kind === 'unix') return { socketPath: address.path, headers: { Host: 'localhost' } }
  if (address.kind === 'tcp') return { host: address.host ?? '127.0.0.1', port: address.port }
  throw fail('FT_ERR_ADMIN', [given, 'it is not an address that one can connect to'])
}

async function bodyOf(given: string, response: IncomingMessage): Promise<string> {
  let body = ''
  try {
    for await (const chunk of response.setEncoding('utf8')) body += chunk
  } catch (error) {
    throw fail('FT_ERR_ADMIN', [given, (error as Error).message], error)
  }
  return body
}
