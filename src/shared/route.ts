/** Where a request carries the name that the handler gives its route. Common to all copies of forkthread, as in `pool-thread.ts`. */
export const ROUTE: unique symbol = Symbol.for('forkthread.route')

/** Anything that stands for one request: of node:http, or of node:http2 with or without its compatible face. */
export interface RoutedRequest {
  [ROUTE]?: string
  /** Of a request in HTTP/2. */
  readonly stream?: RoutedRequest
}
