import { setTimeout as delay } from 'node:timers/promises'
import type { Address } from '../peers/server.js'
import { closingRequest, open } from './connection.js'
import { ResponseReader } from './response-reader.js'

const BYTE_MS = 20

/** Sends one request byte by byte (over a second), until it is answered or `signal` comes. */
export async function slowRequest(
  address: Address,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const socket = open(address)
  const reader = new ResponseReader()
  let isAnswered = false
  let failure: Error | undefined
  const closed = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      isAnswered = reader.push(chunk) === 'complete'
    })
    socket.on('end', () => {
      isAnswered ||= reader.end() === 'complete'
    })
    socket.on('error', (error) => {
      failure = error
    })
    socket.on('close', () => resolve())
  })
  const stop = (): void => void socket.destroy()
  signal.addEventListener('abort', stop, { once: true })
  for (const byte of closingRequest(path)) {
    if (socket.destroyed) break
    socket.write(byte)
    await delay(BYTE_MS)
  }
  await closed
  signal.removeEventListener('abort', stop)
  if (!isAnswered && !signal.aborted) {
    throw failure ?? new Error('ended before its response was complete')
  }
}
