import { connect, type Socket } from 'node:net'
import type { Address } from '../peers/server.js'
import { nowMs } from './clock.js'
import { ResponseReader } from './response-reader.js'

/** Longer than any stall of a healthy server, shorter than a reader's patience. */
const TIMEOUT_MS = 15_000

export interface Reply {
  readonly body: string
  /** When its last byte was there, on the clock of the whole machine. */
  readonly answeredMs: number
  /** Whether the connection may carry another request. */
  readonly isReusable: boolean
}

export function open(address: Address): Socket {
  const socket = connect({
    ...('path' in address ? address : { ...address, host: '127.0.0.1' }),
    noDelay: true,
  })
  return socket.setTimeout(TIMEOUT_MS).on('timeout', () => socket.destroy(new Error('timed out')))
}

export const closingRequest = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n`

const keepingRequest = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`

/**
 * One request on a connection of its own. Resolves when the server has closed the connection, as it was asked to.
 * A reset after a complete response is a failure too: a server that resets would lose longer responses.
 */
export function exchangeAndClose(socket: Socket, path: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const reader = new ResponseReader()
    let answeredMs: number | undefined
    let failure: Error = new Error('ended before its response was complete')
    socket.write(closingRequest(path))
    socket.on('data', (chunk) => {
      const state = reader.push(chunk)
      if (state === 'complete') answeredMs = nowMs()
      if (state === 'broken') socket.destroy(new Error('not a complete 200'))
    })
    socket.on('end', () => {
      if (answeredMs === undefined && reader.end() === 'complete') answeredMs = nowMs()
    })
    socket.on('error', (error) => {
      failure = error
      answeredMs = undefined
    })
    socket.on('close', () => {
      if (answeredMs === undefined) reject(failure)
      else resolve({ body: reader.body, answeredMs, isReusable: false })
    })
  })
}

/** One of many requests on a connection; resolves with the last byte of its response. */
export function exchangeAndKeep(socket: Socket, path: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const reader = new ResponseReader()
    const end = (): void => {
      // While it is idle nothing is expected of it.
      socket.setTimeout(0).off('data', onData).off('error', onError).off('close', onClose)
    }
    const onData = (chunk: Buffer): void => {
      const state = reader.push(chunk)
      if (state === 'broken') socket.destroy(new Error('not a complete 200'))
      if (state !== 'complete') return
      end()
      resolve({ body: reader.body, answeredMs: nowMs(), isReusable: !reader.isLast })
    }
    const onError = (error: Error): void => {
      end()
      reject(error)
    }
    const onClose = (): void => {
      end()
      reject(new Error('closed before its response was complete'))
    }
    socket.on('data', onData).on('error', onError).on('close', onClose)
    socket.setTimeout(TIMEOUT_MS).write(keepingRequest(path))
  })
}

const ECHOED = 'the quick brown fox jumps over the lazy dog, once and once again'

/** Sends a line, gets it back, says goodbye; resolves when the server has closed, too. */
export function exchangeEcho(socket: Socket): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let body = ''
    let answeredMs: number | undefined
    let failure: Error = new Error('ended before everything was echoed')
    socket.write(ECHOED)
    socket.setEncoding('latin1').on('data', (text: unknown) => {
      body += text
      if (body.length < ECHOED.length) return
      if (body !== ECHOED) socket.destroy(new Error('echoed something else'))
      answeredMs = nowMs()
      socket.end()
    })
    socket.on('error', (error) => {
      failure = error
      answeredMs = undefined
    })
    socket.on('close', () => {
      if (answeredMs === undefined) reject(failure)
      else resolve({ body, answeredMs, isReusable: false })
    })
  })
}
