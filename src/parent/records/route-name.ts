const MOST_SEGMENTS = 8
const ANY = ':id'
/** Numbers, UUIDs, hashes and tokens: what differs from user to user is no part of a route. */
const IDS = [
  /^\d+$/,
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i,
  /^(?=.*\d)[0-9a-f]{8,}$/i,
  /^(?=.*\d)[\w~-]{16,}$/,
  /@/,
  /%/,
]
const MOST_SEGMENT = 40

/** Method and path of a request, without its query. */
export function requestPath(request: string): string {
  return request.replace(/[?#].*$/, '')
}

/**
 * What requests for the same thing have in common: the name that the handler gives it, or what can be made of the
 * path: `GET /users/7?page=2` → `GET /users/:id`.
 */
export function routeName(request: string, named?: string): string {
  const [method = '', path] = requestPath(request).split(' ', 2)
  if (named !== undefined) return `${method} ${named}`
  if (path === undefined || !path.startsWith('/')) return requestPath(request)
  const segments = path.split('/').slice(1)
  const folded = segments
    .slice(0, MOST_SEGMENTS)
    .map((segment) =>
      segment.length > MOST_SEGMENT || IDS.some((id) => id.test(segment)) ? ANY : segment,
    )
  const rest = segments.length > MOST_SEGMENTS ? '/…' : ''
  return `${method} /${folded.join('/')}${rest}`
}
