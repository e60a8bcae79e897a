import { type Channel, channel } from 'node:diagnostics_channel'

/**
 * What this thread tells whoever listens by `node:diagnostics_channel`; see docs/diagnostics.md. Without a subscriber each costs a look at a
 * property.
 */
export const diagnostics = {
  /** { request, response, queueTimeMs }: the handler is next. With HTTP/2 { stream, headers, queueTimeMs }. */
  requestStart: named('request.start'),
  /** { request, response } or { stream }: its response is over, sent or broken off. */
  requestEnd: named('request.end'),
  /** { request } or { stream }: turned away before the handler. */
  requestRefused: named('request.refused'),
  /** { socket, listener, isNew, waitedMs }: the hand-off has given this thread a connection. */
  connectionOpen: named('connection.open'),
  /** { socket }: an idle connection was handed back, for any thread to go on with. */
  connectionPark: named('connection.park'),
  /** { socket }: this thread leaves, and another process goes on with the idle connection. */
  connectionMove: named('connection.move'),
  /** { state: 'ready' | 'leaving' | 'over' } */
  threadState: named('thread.state'),
} as const

function named(what: string): Channel {
  return channel(`forkthread.${what}`)
}
