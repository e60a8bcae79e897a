import type { ServerResponse } from 'node:http'

/** So often a response is looked at, so that it costs the others nothing. */
const LOOK_EVERY_MS = 50

let lookedAt = Number.NEGATIVE_INFINITY
let last: WeakRef<ServerResponse> | undefined
/** Where nobody takes it for garbage. */
let held: ServerResponse | undefined

/** A response was closed, at `nowMs` of the monotonic clock. */
export function noteShapes(response: ServerResponse, nowMs: number): void {
  if (nowMs - lookedAt < LOOK_EVERY_MS) return
  lookedAt = nowMs
  last = new WeakRef(response)
}

/**
 * Collects garbage, by `collect`, without what V8 has compiled for requests.
 *
 * V8 compiles for objects of certain shapes, and a collection that reduces memory takes away the code with the last object of its shape. In a thread that idles there is no
 * request any more; the next ones would run uncompiled, at three times the CPU time, and be compiled again. So one that is over, its response, its socket and all that hangs on
 * them live for this collection, and are garbage after it.
 */
export async function keepingShapes(collect: () => Promise<void>): Promise<void> {
  held = last?.deref()
  try {
    await collect()
  } finally {
    held = undefined
  }
}

/** For tests: what is held at the moment. */
export const heldShapes = (): ServerResponse | undefined => held
