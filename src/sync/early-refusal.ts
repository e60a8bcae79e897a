import { closeDescriptor } from '../sys/descriptor.js'
import { receiveBytes } from '../sys/receive.js'
import { sendBytes, shutWriting } from '../sys/send.js'

const SCRAP_BYTES = 16 * 1024
/** A larger request is cut off: to read megabytes is no early refusal. */
const MOST_SCRAPS = 16
const scrap = Buffer.allocUnsafe(SCRAP_BYTES)

/** In whole seconds, as the header takes it: by then the queue has turned over once. */
export function retryAfterSeconds(queueTimeout: number): number {
  return Math.max(1, Math.ceil(queueTimeout / 1000))
}

/** A whole response, without a body: it is right for HEAD, too. */
export function refusalOf(queueTimeout: number): Buffer {
  return Buffer.from(
    `HTTP/1.1 503 Service Unavailable\r\nRetry-After: ${retryAfterSeconds(queueTimeout)}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
  )
}

/**
 * Answers a connection that nobody has read from, and closes it: five system calls, and no parser, no socket of Node's, no code of
 * the user.
 *
 * The request is read before: a close with unread bytes is a reset, which may overtake the answer. What comes
 * later, as the rest of a long body, meets that fate all the same.
 */
export function refuse(fd: number, answer: Uint8Array): void {
  for (let scraps = 0; scraps < MOST_SCRAPS; scraps++)
    if (receiveBytes(fd, scrap) < SCRAP_BYTES) break
  sendBytes(fd, answer)
  shutWriting(fd)
  closeDescriptor(fd)
}
