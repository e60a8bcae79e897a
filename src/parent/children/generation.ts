import type { Settings } from '../../options/options.js'
import type { Listener } from '../binding/listener.js'
import { accessLogOf } from '../binding/log-file.js'
import type { Resources } from '../binding/resources.js'
import type { Certificates } from '../tls/certificates.js'
import { listenerTerms } from '../tls/listener-terms.js'
import { releaseOf } from './code-release.js'
import type { StartTerms } from './forked-child.js'

/** What the children between two reloads run with. */
export interface Generation {
  /** From 0; a reload that succeeds adds one. */
  readonly number: number
  readonly terms: Omit<StartTerms, 'slot' | 'generation' | 'threads' | 'firstThreads' | 'spares'>
  /** What its code was when it was ordered, see `releaseOf`. */
  readonly release: string
  readonly startTimeout: number
  readonly drainTimeout: number
  readonly recycle: { readonly lifetime: number; readonly rss: number }
  /** For those listeners that are the pool's own TLS. */
  readonly certificates: readonly Certificates[]
}

export function createGeneration(
  number: number,
  settings: Settings,
  resources: Resources,
): Generation {
  const { identity, mechanism, lockFiles, learns } = resources
  const { handler, drainTimeout, startTimeout, execArgv, env, resourceLimits } = settings
  const accessLog = accessLogOf(settings)
  const { listeners, certificates } = listenerTerms(resources, settings)
  const { umask, keepAliveTimeout, headersTimeout, requestTimeout } = settings
  return {
    number,
    terms: {
      handler,
      args: settings.args,
      learns,
      ...(identity === undefined ? {} : { identity }),
      ...(umask === undefined ? {} : { umask }),
      keepAlive: settings.keepAlive,
      timeouts: { keepAliveTimeout, headersTimeout, requestTimeout },
      overload: {
        queueTimeout: settings.queueTimeout,
        maxConnections: settings.maxConnections,
        trustRequestStart: settings.trustRequestStart,
        queueTimeHeader: settings.queueTimeHeader,
      },
      recycle: { requests: settings.recycleRequests, heap: settings.recycleHeap },
      blockedTimeout: settings.blockedTimeout,
      slowThreshold: settings.slowThreshold,
      drainTimeout,
      shutdownIdleTimeout: settings.shutdownIdleTimeout,
      // Whoever is told last needs some time, too.
      signalSpread: Math.min(settings.signalSpread, drainTimeout / 2),
      startTimeout,
      watch: settings.watch,
      threadPrefix: settings.threadPrefix,
      ...(accessLog === undefined ? {} : { accessLog }),
      listenerTerms: listeners,
      // Those of the moment in which a child starts.
      get tls() {
        return certificates.map(({ terms }) => terms)
      },
      acceptMutex: mechanism,
      acceptPermits: settings.acceptPermits,
      lockFiles: lockFiles.paths,
      ...(lockFiles.folder === undefined ? {} : { lockFolder: lockFiles.folder }),
      ...(settings.inspect === undefined ? {} : { inspect: settings.inspect }),
      ...(execArgv === undefined ? {} : { execArgv }),
      env: { ...portOf(learns ? undefined : resources.listeners[0]), ...env },
      ...(resourceLimits === undefined ? {} : { resourceLimits: definedOnly(resourceLimits) }),
    },
    release: releaseOf(handler),
    startTimeout,
    drainTimeout,
    recycle: { lifetime: settings.recycleLifetime, rss: settings.recycleRss },
    certificates,
  }
}

/** Where the pool listens is what a program is to listen at, too. */
function portOf(listener: Listener | undefined): { readonly PORT?: string } {
  const PORT = listener?.port
  return PORT === undefined ? {} : { PORT }
}

function definedOnly(limits: Readonly<Record<string, number | undefined>>): Record<string, number> {
  const defined = Object.entries(limits).filter(([, limit]) => limit !== undefined)
  return Object.fromEntries(defined) as Record<string, number>
}
