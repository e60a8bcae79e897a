import type { IncomingMessage, ServerResponse } from 'node:http'

const NOTE = Symbol('request')

/** Hears of the end and the errors of a response. */
export interface ResponseWatcher {
  closed(response: ServerResponse, note: RequestNote): void
  /** True if nobody else need hear of it. */
  failed(response: ServerResponse, error: unknown): boolean
}

/** What is known of a request when it begins: later, middleware may have changed its URL, and the socket may be closed. */
export interface RequestNote {
  readonly method: string
  readonly url: string
  /** The client's address; empty on a unix socket, and where nobody asks for it. */
  readonly remote: string
  /** By the monotonic clock. */
  readonly begunMs: number
  /** Until it has heard of the end. */
  watcher: ResponseWatcher | undefined
}

interface NotedResponse extends ServerResponse {
  [NOTE]?: RequestNote
}

export function noteRequest(
  { method = '', url = '', socket }: IncomingMessage,
  begunMs: number,
  isRemoteWanted: boolean,
  watcher?: ResponseWatcher,
): RequestNote {
  const remote = (isRemoteWanted && socket.remoteAddress) || ''
  return { method, url, remote, begunMs, watcher }
}

/** One for all who want to know: each property that a response has beside Node's own costs the request something. */
export function attachNote(response: ServerResponse, note: RequestNote): void {
  ;(response as NotedResponse)[NOTE] = note
}

/** `undefined` if it answers no request of this thread. */
export function noteOf(response: ServerResponse): RequestNote | undefined {
  return (response as NotedResponse)[NOTE]
}
