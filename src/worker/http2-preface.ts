/** What a client that knows before that the server speaks HTTP/2 sends first (RFC 9113, 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** The error of Node's parser of HTTP/1.1, with what it keeps beside its types. */
interface ParserError {
  readonly code?: unknown
  /** The last piece that was read, and how much of it was parsed. */
  readonly rawPacket?: unknown
  readonly bytesParsed?: unknown
}

/**
 * All that a client has sent so far, if the parser has stopped since it found the preface of HTTP/2 where a request should be; else
 * undefined. The parser knows the preface to the last byte (llhttp: HPE_PAUSED_H2_UPGRADE; seen on Node 20 to 26), so that to look
 * for it costs the requests of HTTP/1.1 nothing.
 */
export function http2Bytes(error: unknown): Buffer | undefined {
  const { code, rawPacket, bytesParsed } = error as ParserError
  if (code !== 'HPE_PAUSED_H2_UPGRADE') return undefined
  if (!(rawPacket instanceof Uint8Array) || typeof bytesParsed !== 'number') return undefined
  // Its pieces may have come one by one; the last ends where the parser has stopped.
  return Buffer.concat([PREFACE, rawPacket.subarray(bytesParsed)])
}
