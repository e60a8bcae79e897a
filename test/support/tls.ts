import { request } from 'node:https'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'

/** What one connection over TLS showed. */
export interface Handshake {
  /** The client had a session of an earlier one, and the server took it. */
  readonly isReused: boolean
  readonly session: Buffer | undefined
  /** The name in the server's certificate. */
  readonly name: string
  readonly protocol: string | false | null
  readonly version: string | null
  readonly text: string
}

/** Connects, sends `bytes`, reads to the end. */
export async function handshake(
  port: number,
  options: ConnectionOptions = {},
  bytes = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
): Promise<Handshake> {
  return await new Promise((resolve, reject) => {
    let session: Buffer | undefined
    let seen: Omit<Handshake, 'session' | 'text'> | undefined
    let text = ''
    const socket: TLSSocket = connect({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      rejectUnauthorized: false,
      ...options,
    })
    socket.on('session', (given) => {
      session = given
    })
    socket.once('secureConnect', () => {
      seen = {
        isReused: socket.isSessionReused(),
        name: String(socket.getPeerCertificate().subject?.CN),
        protocol: socket.alpnProtocol,
        version: socket.getProtocol(),
      }
      socket.write(bytes)
    })
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.once('error', reject)
    socket.once('close', () => {
      if (seen !== undefined) resolve({ ...seen, session, text })
    })
  })
}

/** One request of HTTP/1.1 over TLS, on a connection of its own; the body of the answer. */
export async function secureGet(url: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const outgoing = request(url, { agent: false, rejectUnauthorized: false }, async (incoming) => {
      let text = ''
      for await (const chunk of incoming) text += chunk
      resolve(text)
    })
    outgoing.once('error', reject).end()
  })
}
