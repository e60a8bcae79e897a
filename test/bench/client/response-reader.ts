/** What became of a response: still coming, complete, or not a 200 that ends where it said. */
export type ResponseState = 'partial' | 'complete' | 'broken'

/**
 * Finds the end of one HTTP/1.1 response: after `Content-Length` bytes, or where the stream ends when there is no such
 * header (also right for a chunked body, whose last chunk is followed by the end of the stream if it was the last response).
 */
export class ResponseReader {
  // latin1: one character per byte, so lengths of strings are lengths on the wire.
  #text = ''
  #bodyAt = -1
  #contentLength: number | undefined
  #isLast = false

  push(chunk: Buffer): ResponseState {
    this.#text += chunk.toString('latin1')
    if (this.#bodyAt < 0) {
      const end = this.#text.indexOf('\r\n\r\n')
      if (end < 0) return 'partial'
      this.#bodyAt = end + 4
      const head = this.#text.slice(0, end)
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
      this.#contentLength = length === undefined ? undefined : Number(length)
      this.#isLast = /\r\nconnection: *close/i.test(head)
    }
    return this.#state()
  }

  /** The server ended the stream. */
  end(): ResponseState {
    const isWhole = this.#bodyAt >= 0 && this.#contentLength === undefined
    return isWhole && this.#isOk() ? 'complete' : 'broken'
  }

  /** What has come of the body so far. */
  get body(): string {
    return this.#bodyAt < 0 ? '' : this.#text.slice(this.#bodyAt)
  }

  /** Whether the server said that it takes no further request on this connection. */
  get isLast(): boolean {
    return this.#isLast
  }

  #isOk(): boolean {
    return this.#text.startsWith('HTTP/1.1 200 ')
  }

  #state(): ResponseState {
    if (!this.#isOk()) return 'broken'
    const bytes = this.#text.length - this.#bodyAt
    if (this.#contentLength === undefined || bytes < this.#contentLength) return 'partial'
    return bytes === this.#contentLength ? 'complete' : 'broken'
  }
}
