import type { AccessLogTerms } from '../shared/access-log.js'
import type { StartChild } from '../shared/messages-to-child.js'
import type { WayOfLeaving } from '../shared/messages-to-worker.js'
import type { StandardTerms } from '../shared/standard-output.js'
import type { TlsTerms } from '../shared/terms.js'
import type { Lease } from '../shared/thread-starts.js'
import type { OutputTerms } from '../sync/line-output.js'
import { type ListenerAddress, listenerAddresses } from '../sync/listener-addresses.js'
import { PendingBytes } from '../sync/pending-bytes.js'
import type { Shared } from './open-shared.js'

/** Room for the lines of requests that a thread has yet to write. */
const ACCESS_LOG_BYTES = 2 ** 18

/** Where threads write. */
export interface ThreadOutput {
  readonly standard: StandardTerms
  readonly accessLog: OutputTerms | undefined
}

/** What the worker threads of this child begin with: the same for all, but for the certificates, which may be renewed. */
export class LeaseTerms {
  readonly #start: StartChild
  readonly #shared: Shared
  readonly #output: ThreadOutput
  readonly #addresses: readonly ListenerAddress[]
  #tls: readonly TlsTerms[]

  constructor(start: StartChild, shared: Shared, output: ThreadOutput) {
    this.#start = start
    this.#shared = shared
    this.#output = output
    this.#addresses = listenerAddresses(start.listeners)
    this.#tls = start.tls
  }

  /** For those to come. */
  renewTls(tls: readonly TlsTerms[]): void {
    this.#tls = tls
  }

  for(thread: number, listenWithinMs: number): Omit<Lease, 'port' | 'poolPort' | 'pending'> {
    const { slot, generation, handler, args, learns, timeouts, overload, watch } = this.#start
    const { keepAlive, mailbox, slowThreshold, scoreboard, listenerTerms, ticketKeys } = this.#start
    const { memory, mechanism, parking } = this.#shared
    const { signalSpread, transfer, drainTimeout, inspect, threadPrefix } = this.#start
    return {
      ...{ slot, thread, generation, handler, args, learns, listenWithinMs, signalSpread },
      ...{ timeouts, overload, slowThreshold, watch, inspect },
      ...{ addresses: this.#addresses, listenerTerms, tls: this.#tls, ticketKeys },
      ...{ memory, mechanism, parking },
      ...{ keepAlive, mailbox, transfer, drainTimeout, wayAlone: this.wayAlone, scoreboard },
      ...{ standard: this.#output.standard, threadPrefix, accessLog: this.#accessLog() },
    }
  }

  /** How a thread leaves while its process goes on. */
  get wayAlone(): WayOfLeaving {
    const { drainTimeout, timeouts, shutdownIdleTimeout } = this.#start
    const usualMs = timeouts.keepAliveTimeout || Number.POSITIVE_INFINITY
    const idleMs = Math.min(usualMs, drainTimeout * 0.8)
    return { to: 'process', idleMs, unmovedIdleMs: Math.min(idleMs, shutdownIdleTimeout) }
  }

  #accessLog(): AccessLogTerms | undefined {
    const { accessLog } = this.#start
    const { accessLog: terms } = this.#output
    if (accessLog === undefined || terms === undefined) return undefined
    return { format: accessLog.format, terms, pending: PendingBytes.shared(ACCESS_LOG_BYTES) }
  }
}
