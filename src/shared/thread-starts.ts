import type { MessagePort } from 'node:worker_threads'
import type { MechanismTerms, MutexTerms } from '../sync/create-mechanism.js'
import type { DescriptorEnds } from '../sync/descriptor-ends.js'
import type { ListenerAddress } from '../sync/listener-addresses.js'
import type { ParkingTerms } from '../sync/parking.js'
import type { AccessLogTerms } from './access-log.js'
import type { WayOfLeaving } from './messages-to-worker.js'
import type { StandardPending, StandardTerms } from './standard-output.js'
import type {
  ClientTimeouts,
  InspectTerms,
  KeepAlive,
  ListenerTerms,
  OverloadTerms,
  TlsTerms,
} from './terms.js'

/** What the threads of a child begin with: the lease of a worker thread, and `workerData` of the others. */

/** The task that piscina runs in a worker thread: one lease. */
export interface Lease {
  readonly slot: number
  readonly thread: number
  readonly generation: number
  readonly handler: string
  readonly args: readonly string[]
  readonly learns: boolean
  readonly signalSpread: number
  /** A program has so long to listen, from the start of the thread. */
  readonly listenWithinMs: number
  readonly timeouts: ClientTimeouts
  readonly slowThreshold: number
  readonly overload: OverloadTerms
  readonly addresses: readonly ListenerAddress[]
  readonly listenerTerms: readonly ListenerTerms[]
  readonly tls: readonly TlsTerms[]
  readonly ticketKeys: number
  readonly watch: boolean
  readonly memory: SharedArrayBuffer
  readonly mechanism: MechanismTerms
  readonly keepAlive: KeepAlive
  readonly mailbox: DescriptorEnds | undefined
  readonly parking: ParkingTerms | undefined
  readonly transfer: DescriptorEnds | undefined
  readonly drainTimeout: number
  /** If it leaves by itself, and its process goes on. */
  readonly wayAlone: WayOfLeaving
  readonly scoreboard: number
  readonly standard: StandardTerms
  readonly pending: StandardPending
  readonly threadPrefix: boolean
  readonly accessLog: AccessLogTerms | undefined
  readonly port: MessagePort
  readonly inspect: InspectTerms | undefined
  /** For what the whole pool shares. */
  readonly poolPort: MessagePort
}

/** `workerData` of the listener thread. */
export interface ListenerStart {
  readonly slot: number
  /** See `OverloadTerms`. */
  readonly queueTimeout: number
  readonly wakeDescriptor: number
  readonly mechanism: MutexTerms
  readonly mailbox: DescriptorEnds | undefined
  readonly memory: SharedArrayBuffer
  readonly scoreboard: number
}

/** `workerData` of the parker. */
export interface ParkerStart {
  readonly slot: number
  readonly mechanism: MechanismTerms
  readonly mailbox: DescriptorEnds
  readonly parking: ParkingTerms
  readonly transfer: DescriptorEnds | undefined
  readonly keepAliveTimeout: number
  readonly shutdownIdleTimeout: number
  readonly memory: SharedArrayBuffer
  readonly scoreboard: number
}
