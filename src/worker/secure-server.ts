import type { Server } from 'node:tls'
import { fail } from '../shared/errors.js'
import { nodeHttp2, nodeHttps, nodeTls } from '../shared/node-modules.js'
import type { ClientTimeouts } from '../shared/terms.js'
import { checkInterval } from './handler-server.js'
import { SecureContexts } from './secure-contexts.js'
import type { SharedTls } from './shared-tls.js'

/**
 * A server of the pool's own TLS, for a handler that a module exports: HTTP/1.1 and HTTP/2, whichever the client likes better, or one
 * of them. From the next handshake on it has the certificates that come; connections that are open go on.
 * `certificates` is their number.
 * @throws FT_ERR_TLS if no key was given
 */
export async function secureHttpServer(
  tls: SharedTls,
  certificates: number | undefined,
  timeouts: ClientTimeouts,
): Promise<Server> {
  const { terms, contexts, follow } = contextsOf(tls, certificates)
  const options = {
    ...contexts.options(timeouts.headersTimeout),
    ...timeouts,
    connectionsCheckingInterval: checkInterval(timeouts),
  }
  const { protocols } = terms
  if (!protocols.includes('h2')) {
    return follow(nodeHttps().createServer({ ...options, ALPNProtocols: [...protocols] }))
  }
  const allowHTTP1 = protocols.includes('http/1.1')
  const server = nodeHttp2().createSecureServer({ ...options, allowHTTP1 })
  // Those of HTTP/1.1; that it takes them as options is written nowhere.
  Object.assign(server, timeouts)
  return follow(server)
}

/** Any protocol over TLS. @throws FT_ERR_TLS if no key was given */
export async function secureRawServer(
  tls: SharedTls,
  certificates: number | undefined,
  timeouts: ClientTimeouts,
): Promise<Server> {
  const { contexts, follow } = contextsOf(tls, certificates)
  return follow(nodeTls().createServer(contexts.options(timeouts.headersTimeout)))
}

function contextsOf(tls: SharedTls, certificates: number | undefined) {
  const terms = tls.termsOf(certificates)
  if (terms === undefined)
    throw fail('FT_ERR_TLS', ['https://', 'no key and certificate are given'])
  const contexts = new SecureContexts(terms, tls.ticketKeys)
  const follow = (server: Server): Server => {
    const take = (): void => {
      server.setSecureContext(contexts.defaults())
    }
    // Before Node's own listener, which makes the connection one of TLS.
    server.prependListener('connection', () => {
      if (contexts.follow()) take()
    })
    tls.onRenewed(certificates, (renewed) => {
      contexts.renew(renewed)
      take()
    })
    return server
  }
  return { terms, contexts, follow }
}
