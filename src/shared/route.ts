/** Where a request carries the name that the handler gives its route. Common to all copies of forkthread, as in `pool-thread.ts`. */
export const ROUTE: unique symbol = Symbol.for('forkthread.route')

/** Anything that stands for one request: of node:http, or of node:http2 with or without its compatible face. */
export interface RoutedRequest {
  [ROUTE]?: string
  /** Of a request in HTTP/2. */
  readonly stream?: RoutedRequest
  readonly url?: string
  /** Where a framework, such as Express, changes the other one on its way. */
  readonly originalUrl?: string
}

const HEARS = Symbol.for('forkthread.route.hears')

/** Hears of each name. */
export type RouteListener = (target: string | undefined, route: string) => void

type Global = { [HEARS]?: RouteListener }

/** For the pool: whoever listens is the only one. */
export function onRouteNamed(listener: RouteListener): void {
  ;(globalThis as Global)[HEARS] = listener
}

export function nameRoute(request: RoutedRequest, route: string): void {
  const routed = request.stream ?? request
  routed[ROUTE] = route
  ;(globalThis as Global)[HEARS]?.(request.originalUrl ?? request.url, route)
}
