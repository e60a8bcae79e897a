import type { IncomingMessage, ServerResponse } from 'node:http'

export function announceClose(response: ServerResponse): void {
  // In HTTP/2 the connection says so itself, by GOAWAY.
  if (!response.headersSent && isHttp1(response)) response.setHeader('Connection', 'close')
}

export function isHttp1({ req }: ServerResponse): boolean {
  return req.httpVersionMajor < 2
}

/** A request as messages and the scoreboard call it. */
export function describe(request: IncomingMessage): string {
  return `${request.method} ${request.url}`
}
