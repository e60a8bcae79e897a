import type { ServerResponse } from 'node:http'
import { nodeHttp } from '../shared/node-modules.js'
import { noteOf } from './request-note.js'

type Emit = ServerResponse['emit']

let base: typeof ServerResponse | undefined
let emitOfBase: Emit | undefined

/**
 * Has the watcher in its note told of the end and the errors of this response.
 *
 * By `emit` and not by listeners: two on each response were a good part of what the pool itself cost a request. And by that of the class, which this thread
 * has for itself: an `emit` on each response is a property more, in whose way all of Node's own code then looks for it.
 */
export function watchEvents(response: ServerResponse): void {
  if (response.emit !== emitOfBase && !isOfBase(response)) response.emit = watched(response.emit)
}

/** Also of a class with an `emit` of its own, which calls that of its base; what inherits nothing from Node's class has its own one watched. */
function isOfBase(response: ServerResponse): boolean {
  if (base === undefined) {
    base = nodeHttp().ServerResponse
    const { prototype } = base
    emitOfBase = watched(prototype.emit)
    const hidden = { configurable: true, writable: true, enumerable: false }
    Object.defineProperty(prototype, 'emit', { ...hidden, value: emitOfBase })
  }
  return response instanceof base
}

function watched(emit: Emit): Emit {
  return function (this: ServerResponse, name: string, first: unknown): boolean {
    if (name === 'close') {
      const note = noteOf(this)
      const watcher = note?.watcher
      if (note !== undefined && watcher !== undefined) {
        // Once: should others emit it again, no other request ends.
        note.watcher = undefined
        watcher.closed(this, note)
      }
    } else if (name === 'error' && noteOf(this)?.watcher?.failed(this, first) === true) return true
    // What comes with each response has no arguments, and is dearer with a list of them.
    // biome-ignore lint/complexity/noArguments: no array for each event of each response
    if (arguments.length === 1) return emit.call(this, name)
    // biome-ignore lint/complexity/noArguments: no array for each event of each response
    return Reflect.apply(emit, this, arguments)
  } as Emit
}
