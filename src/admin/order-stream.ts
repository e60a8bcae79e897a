import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { type SerializedError, serializeError } from '../shared/errors.js'
import type { Order } from '../shared/stats.js'

/** One line of the answer to an order, as JSON. The last line has `done` or `error`; without it the pool has died. */
export type OrderLine =
  | { readonly step: string }
  | { readonly done: true }
  | { readonly error: SerializedError }

/** Carries out an order and tells its steps as they come, one JSON object a line. Resolves when the last line is sent. */
export async function streamOrder(
  response: ServerResponse,
  order: Order,
  query: Readonly<URLSearchParams>,
): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' })
  // Who asked need not stay: an order that has begun is carried out.
  const write = (line: OrderLine): boolean => response.write(`${JSON.stringify(line)}\n`)
  try {
    await order((step) => write({ step }), query)
    write({ done: true })
  } catch (error) {
    write({ error: serializeError(error) })
  }
  response.end()
  // Sent, or nobody is there any more.
  if (!response.closed) await once(response, 'close')
}
