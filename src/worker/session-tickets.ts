import type { Server } from 'node:tls'
import type { TicketKeys } from '../sync/ticket-keys.js'

/** What Node keeps of a context beside its types. */
interface ContextInside {
  readonly context?: {
    setTicketKeys?: (keys: Buffer) => void
    setSessionIdContext?: (id: string) => void
  }
}

/** What Node keeps on a server of TLS beside its types; each is looked for and not relied upon (20 to 26 have them). */
interface ServerInside {
  /** What the app has given. Node gives it to every new context (lib/_tls_wrap.js, setSecureContext). */
  ticketKeys?: Buffer | undefined
  readonly sessionIdContext?: string
  readonly _sharedCreds?: ContextInside
  /** Those of `addContext`: a pattern and a context each. */
  readonly _contexts?: readonly (readonly [RegExp, ContextInside])[]
}

/** For servers whose default comes from `process.argv`: an upgrade may start the same program by another path. */
const USUAL_CONTEXT = 'forkthread'

/**
 * Has a server give and take session tickets with the key of the pool, whichever thread of whichever process a client comes back to,
 * and follow it when it changes. Node's own server would make a key of its own, and of three handshakes that
 * a client wants to resume two would be done in full.
 */
export function shareTickets(server: Server, keys: TicketKeys): void {
  const inside = server as Server & ServerInside
  // The app has keys of its own, and knows why.
  if (inside.ticketKeys !== undefined) return
  let version = -1
  const follow = (): void => {
    if (keys.version === version) return
    version = keys.version
    const key = keys.read()
    // Outlives a `setSecureContext` of the app, which makes a new context with a new key otherwise.
    inside.ticketKeys = key
    server.setTicketKeys(key)
    for (const [, context] of inside._contexts ?? []) context.context?.setTicketKeys?.(key)
  }
  inside._sharedCreds?.context?.setSessionIdContext?.(USUAL_CONTEXT)
  follow()
  // Before Node's own listener, which makes the connection one of TLS.
  server.prependListener('connection', follow)
}
