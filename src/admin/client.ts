import { request } from 'node:http'
import type { Address } from '../address.js'
import { fail } from '../errors.js'

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
  const target =
    address.kind === 'unix'
      ? { socketPath: address.path, headers: { Host: 'localhost' } }
      : { host: address.host ?? '127.0.0.1', port: address.port }
  return await new Promise((resolve, reject) => {
    const refused = (error: Error): void =>
      reject(fail('FT_ERR_ADMIN', [given, error.message], error))
    const asked = request({ ...target, path, timeout: PATIENCE_MS }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        body += text
      })
      response.on('error', refused)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${PATIENCE_MS} ms`)))
    asked.on('error', refused)
    asked.end()
  })
}
