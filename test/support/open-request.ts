import { type IncomingMessage, request } from 'node:http'
import { within } from './until.js'

const LIMIT_MS = 30_000

/** A request that is in flight for as long as the test wants. */
export interface OpenRequest {
  /** Ends the request's body, and reads the reply to its end. @throws ECONNRESET when the server hung up */
  finish(): Promise<{ readonly status: number; readonly body: string }>
  /** The error of a connection that the server cut off. */
  readonly cut: Promise<Error>
  destroy(): void
}

/** Starts a request to the `echo-body` fixture; resolves when its handler has begun to answer. */
export async function openRequest(url: string): Promise<OpenRequest> {
  const outgoing = request(url, { agent: false, method: 'POST' })
  const failed = new Promise<Error>((resolve) => outgoing.on('error', resolve))
  const responded = new Promise<IncomingMessage>((resolve) => outgoing.once('response', resolve))
  outgoing.write('begun, ')
  const incoming = await within(
    Promise.race([responded, failed.then((error) => Promise.reject(error))]),
    LIMIT_MS,
    'headers of the reply',
  )
  const aborted = new Promise<Error>((resolve) => incoming.on('error', resolve))
  let body = ''
  incoming.setEncoding('utf8').on('data', (text: string) => {
    body += text
  })
  const ended = new Promise<void>((resolve) => incoming.once('end', resolve))
  const cut = Promise.race([failed, aborted])
  return {
    cut,
    async finish() {
      outgoing.end('finished')
      const either = Promise.race([ended, cut.then((error) => Promise.reject(error))])
      await within(either, LIMIT_MS, 'end of the reply')
      return { status: incoming.statusCode ?? 0, body }
    },
    destroy: () => outgoing.destroy(),
  }
}
