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
  /** What the app has given (lib/_tls_wrap.js, setSecureContext). */
  readonly ticketKeys?: Buffer | undefined
  readonly _sharedCreds?: ContextInside
  /** Those of `addContext`: a pattern and a context each. */
  readonly _contexts?: readonly (readonly [RegExp, ContextInside])[]
  /** The app's own, if it has one. */
  _SNICallback?: unknown
}

type ContextChosen = (error: Error | null, context?: ContextInside) => void

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
  let isOurs = true
  const follow = (): void => {
    if (!isOurs || keys.version === version) return
    version = keys.version
    const key = keys.read()
    server.setTicketKeys(key)
    for (const [, context] of inside._contexts ?? []) context.context?.setTicketKeys?.(key)
  }
  inside._sharedCreds?.context?.setSessionIdContext?.(USUAL_CONTEXT)
  follow()
  // An app that renews its certificates makes a new context, which would have a key of its own.
  const { setSecureContext } = server
  server.setSecureContext = (options) => {
    if (options.ticketKeys !== undefined) isOurs = false
    const ours = isOurs ? { ticketKeys: keys.read() } : {}
    setSecureContext.call(server, { sessionIdContext: USUAL_CONTEXT, ...ours, ...options })
  }
  const { addContext } = server
  server.addContext = (name, context) => {
    addContext.call(server, name, context)
    version = -1
  }
  const { _SNICallback: choose } = inside
  if (typeof choose === 'function') {
    inside._SNICallback = function (this: unknown, name: string, done: ContextChosen): void {
      const chosen: ContextChosen = (error, context) => {
        if (isOurs) context?.context?.setTicketKeys?.(keys.read())
        done(error, context)
      }
      Reflect.apply(choose, this, [name, chosen])
    }
  }
  // Before Node's own listener, which makes the connection one of TLS.
  server.prependListener('connection', follow)
}
