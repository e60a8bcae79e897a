/** What became of a response: still coming, complete, or not a 200 that ends where it said. */
export type ResponseState = 'partial' | 'complete' | 'broken'

/**
 * Finds the end of one HTTP/1.1 response to a request that said `Connection: close`: after
 * `Content-Length` bytes, or where the stream ends when there is no such header (also right for a chunked
 * body, whose last chunk is followed by the end of the stream).
 */
export class ResponseReader {
  // latin1: one character per byte, so lengths of strings are lengths on the wire.
  #head = ''
  #bodyBytes = 0
  #contentLength: number | undefined
  #inBody = false

  push(chunk: Buffer): ResponseState {
    if (this.#inBody) {
      this.#bodyBytes += chunk.length
      return this.#state()
    }
    this.#head += chunk.toString('latin1')
    const end = this.#head.indexOf('\r\n\r\n')
    if (end < 0) return 'partial'
    this.#inBody = true
    this.#bodyBytes = this.#head.length - end - 4
    const length = /\r\ncontent-length: *(\d+)/i.exec(this.#head.slice(0, end))?.[1]
    this.#contentLength = length === undefined ? undefined : Number(length)
    return this.#state()
  }

  /** The server ended the stream. */
  end(): ResponseState {
    return this.#inBody && this.#contentLength === undefined && this.#ok() ? 'complete' : 'broken'
  }

  #ok(): boolean {
    return this.#head.startsWith('HTTP/1.1 200 ')
  }

  #state(): ResponseState {
    if (!this.#ok()) return 'broken'
    if (this.#contentLength === undefined || this.#bodyBytes < this.#contentLength) return 'partial'
    return this.#bodyBytes === this.#contentLength ? 'complete' : 'broken'
  }
}
