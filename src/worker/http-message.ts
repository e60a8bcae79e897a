import type { IncomingMessage, ServerResponse } from 'node:http'

export function announceClose(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('Connection', 'close')
}

/** A request as messages and the scoreboard call it. */
export function describe(request: IncomingMessage): string {
  return `${request.method} ${request.url}`
}
