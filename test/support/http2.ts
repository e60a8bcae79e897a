import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2'

export interface StreamReply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A connection of HTTP/2, by ALPN or in clear. `close()` it at the end. */
export async function connectHttp2(url: string): Promise<ClientHttp2Session> {
  const session = connect(url, { rejectUnauthorized: false })
  await new Promise<void>((resolve, reject) => {
    session.once('connect', () => resolve()).once('error', reject)
  })
  return session
}

export async function ask(
  session: ClientHttp2Session,
  path: string,
  body?: string,
): Promise<StreamReply> {
  return await new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST'
    const stream = session.request({ ':path': path, ':method': method })
    let headers: IncomingHttpHeaders = {}
    let text = ''
    stream.setEncoding('utf8')
    stream.on('response', (given) => {
      headers = given
    })
    stream.on('data', (chunk: string) => {
      text += chunk
    })
    stream.once('error', reject)
    stream.once('end', () => resolve({ status: Number(headers[':status']), headers, body: text }))
    stream.end(body)
  })
}
