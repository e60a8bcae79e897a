import type { ServerResponse } from 'node:http'
import { nodeHttp } from '../shared/node-modules.js'

const WATCHER = Symbol('watcher')

/** Hears of the end and the errors of responses. */
export interface ResponseWatcher {
  closed(response: ServerResponse): void
  /** True if nobody else need hear of it. */
  failed(response: ServerResponse, error: unknown): boolean
}

interface WatchedResponse extends ServerResponse {
  [WATCHER]?: ResponseWatcher | undefined
}

type Emit = ServerResponse['emit']

/**
 * Calls `watcher` for what this response emits.
 *
 * By `emit` and not by listeners: two on each response were a good part of what the pool itself cost a request. And by that of the class, which this thread
 * has for itself: an `emit` on each response is a property more, in whose way all of Node's own code then looks for it.
 */
export function watchResponse(response: WatchedResponse, watcher: ResponseWatcher): void {
  response[WATCHER] = watcher
  if (!hasWatchedEmit(response)) response.emit = watched(response.emit)
}

/** It was given a watcher, even if that has been told of its end. */
export function isWatched(response: WatchedResponse): boolean {
  return WATCHER in response
}

let base: typeof ServerResponse | undefined

/** Those that inherit nothing from Node's class have an `emit` of their own watched. */
function hasWatchedEmit(response: ServerResponse): boolean {
  if (base === undefined) {
    base = nodeHttp().ServerResponse
    const { prototype } = base
    const emit = { value: watched(prototype.emit), enumerable: false }
    Object.defineProperty(prototype, 'emit', { ...emit, configurable: true, writable: true })
  }
  return response instanceof base
}

function watched(emit: Emit): Emit {
  return function (this: WatchedResponse, name: string, first: unknown): boolean {
    if (name === 'close') {
      const watcher = this[WATCHER]
      // Once: should others emit it again, no other request ends.
      this[WATCHER] = undefined
      watcher?.closed(this)
    } else if (name === 'error' && this[WATCHER]?.failed(this, first) === true) return true
    // What comes with each response has no arguments, and is dearer with a list of them.
    // biome-ignore lint/complexity/noArguments: no array for each event of each response
    if (arguments.length === 1) return emit.call(this, name)
    // biome-ignore lint/complexity/noArguments: no array for each event of each response
    return Reflect.apply(emit, this, arguments)
  } as Emit
}
