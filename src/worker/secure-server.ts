import { createServer, type Server } from 'node:tls'
import { fail } from '../shared/errors.js'
import type { ClientTimeouts, TlsTerms } from '../shared/messages.js'
import { checkInterval } from './handler-server.js'
import { SecureContexts } from './secure-contexts.js'
import type { SharedTls } from './shared-tls.js'

/**
 * A server of the pool's own TLS, for a handler that a module exports: HTTP/1.1 and HTTP/2, whichever the client likes better, or one
 * of them. From the next handshake on it has the certificates that come; connections that are open go on.
 * @throws FT_ERR_TLS if no key was given
 */
export async function secureHttpServer(tls: SharedTls, timeouts: ClientTimeouts): Promise<Server> {
  const { terms, contexts } = contextsOf(tls)
  const options = {
    ...contexts.options(timeouts.headersTimeout),
    ...timeouts,
    connectionsCheckingInterval: checkInterval(timeouts),
  }
  const { protocols } = terms
  if (!protocols.includes('h2')) {
    const { createServer } = await import('node:https')
    return follow(createServer({ ...options, ALPNProtocols: [...protocols] }), contexts, tls)
  }
  const { createSecureServer } = await import('node:http2')
  const allowHTTP1 = protocols.includes('http/1.1')
  const server = createSecureServer({ ...options, allowHTTP1 })
  // Those of HTTP/1.1; that it takes them as options is written nowhere.
  Object.assign(server, timeouts)
  return follow(server, contexts, tls)
}

/** Any protocol over TLS. @throws FT_ERR_TLS if no key was given */
export async function secureRawServer(tls: SharedTls, timeouts: ClientTimeouts): Promise<Server> {
  const { contexts } = contextsOf(tls)
  return follow(createServer(contexts.options(timeouts.headersTimeout)), contexts, tls)
}

function contextsOf(tls: SharedTls): { terms: TlsTerms; contexts: SecureContexts } {
  const { terms } = tls
  if (terms === undefined)
    throw fail('FT_ERR_TLS', ['https://', 'no key and certificate are given'])
  return { terms, contexts: new SecureContexts(terms, tls.ticketKeys) }
}

function follow(server: Server, contexts: SecureContexts, tls: SharedTls): Server {
  const take = (): void => {
    server.setSecureContext(contexts.defaults())
  }
  // Before Node's own listener, which makes the connection one of TLS.
  server.prependListener('connection', () => {
    if (contexts.follow()) take()
  })
  tls.onRenewed((terms) => {
    contexts.renew(terms)
    take()
  })
  return server
}
