import type { ServerResponse } from 'node:http'
import type { Activity } from './activity.js'
import { announceClose, describe, isHttp1 } from './http-message.js'
import type { ReportFailure } from './service.js'

/** What becomes of a request whose handler fails: it is counted, reported, and answered with 500 if it still can be. */
export class RequestFailures {
  readonly #activity: Activity
  readonly #report: ReportFailure
  readonly #isLeaving: () => boolean
  readonly #failed = new WeakSet<ServerResponse>()

  constructor(activity: Activity, report: ReportFailure, isLeaving: () => boolean) {
    this.#activity = activity
    this.#report = report
    this.#isLeaving = isLeaving
  }

  readonly fail = (response: ServerResponse, error: unknown): void => {
    // One failure may show twice: a stream that breaks destroys the response and rejects the handler's promise.
    if (this.#failed.has(response) || tellsOfLostClient(response, error)) return
    this.#failed.add(response)
    this.#activity.handlerFailed()
    this.#report(describe(response.req), error)
    // Complete before the handler failed, or nobody is there to get it.
    if (response.writableEnded || response.destroyed) return
    // The client has a part of a response: only a broken connection tells it that the rest won't come.
    if (response.headersSent) response.destroy()
    else this.#answer(response)
  }

  #answer(response: ServerResponse): void {
    const body = 'Internal Server Error\n'
    try {
      for (const name of response.getHeaderNames()) response.removeHeader(name)
      if (this.#isLeaving()) announceClose(response)
      const headers = {
        'Content-Type': 'text/plain; charset=utf-8',
        'Content-Length': body.length,
      }
      // With the reason: the handler may have set `statusMessage` for the answer it had in mind. HTTP/2 has none.
      if (isHttp1(response)) response.writeHead(500, 'Internal Server Error', headers)
      else response.writeHead(500, headers)
      response.end(body)
    } catch {
      // Middleware replaces these methods, and its own code may fail as well.
      response.destroy()
    }
  }
}

/**
 * A client that goes away in the middle makes streams fail, and with them the handler that awaits them. That is no failure
 * of the handler, and not for clients to fill the log with. If the handler's side had broken first, it would have destroyed the
 * response with its error.
 */
function tellsOfLostClient({ req, errored }: ServerResponse, error: unknown): boolean {
  if (!req.socket.destroyed || errored) return false
  const { code } = (error ?? {}) as { code?: unknown }
  return error === req.errored || code === 'ERR_STREAM_PREMATURE_CLOSE'
}
