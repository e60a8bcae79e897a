import type { DescriptorEnds } from '../sync/descriptor-ends.js'
import type { AccessLogSettings } from './access-log.js'
import type { ChannelPost } from './channel.js'
import type {
  ClientTimeouts,
  Identity,
  InspectTerms,
  KeepAlive,
  ListenerTerms,
  OverloadTerms,
  Range,
  TlsTerms,
} from './terms.js'

/** What the parent says to a child, over Node's IPC channel (JSON). */

/** New certificates, on their way from the parent to the threads. */
export interface RenewTls {
  readonly type: 'tls'
  readonly tls: readonly TlsTerms[]
}

export interface StartChild {
  readonly type: 'start'
  readonly slot: number
  readonly generation: number
  readonly handler: string
  /** What the handler finds in `process.argv` behind its own path. */
  readonly args: readonly string[]
  /** Nobody has said where to listen: a program is asked where it would, and does not get ready. */
  readonly learns: boolean
  /** Whom to become before anything else; without it the child stays what the parent is. */
  readonly identity?: Identity
  readonly umask?: number
  readonly threads: Range
  /** How many to begin with, within `threads`. */
  readonly firstThreads: number
  /** Of the whole pool. */
  readonly spares: Range
  /** When a thread is replaced; 0 for never. */
  readonly recycle: { readonly requests: number; readonly heap: number }
  readonly blockedTimeout: number
  readonly slowThreshold: number
  readonly startTimeout: number
  readonly timeouts: ClientTimeouts
  readonly overload: OverloadTerms
  readonly drainTimeout: number
  readonly shutdownIdleTimeout: number
  /** Threads that leave are told so over this time, ms. */
  readonly signalSpread: number
  /** Tell which files the handler loads. */
  readonly watch: boolean
  /** What handlers print begins with the thread's place. */
  readonly threadPrefix: boolean
  readonly accessLog?: AccessLogSettings
  /** Inherited descriptors. */
  readonly listeners: readonly number[]
  /** In their order. */
  readonly listenerTerms: readonly ListenerTerms[]
  /** As the terms of the listeners number them. */
  readonly tls: readonly TlsTerms[]
  /** Memory with the key of the session tickets. */
  readonly ticketKeys: number
  readonly scoreboard: number
  /** Without a mailbox it is `pin`. */
  readonly keepAlive: KeepAlive
  readonly mailbox?: DescriptorEnds
  /** Where idle connections may move. */
  readonly transfer?: DescriptorEnds
  /** With `none`, the pass-on descriptor is inherited, too; else the lock files are to be opened. */
  readonly acceptMutex: 'flock' | 'fcntl' | 'none'
  readonly passOn: number
  readonly lockFiles: readonly string[]
  /** Inherited files without a name, to be opened through /proc/self/fd. */
  readonly lockDescriptors: readonly number[]
  readonly acceptPermits: number
  /** Private to the pool; the children of a parent that died remove it. */
  readonly lockFolder?: string
  /** Where the thread that leads opens its inspector. */
  readonly inspect?: InspectTerms
  readonly execArgv?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly resourceLimits?: Readonly<Record<string, number>>
}

/** Accept no more, finish what there is, leave. */
export interface DrainChild {
  readonly type: 'drain'
  /** Numbers of listeners whose end this is: what waits in their backlogs now is served, too, since nobody else will. */
  readonly backlogs: readonly number[]
  /** All children of this parent leave: nobody else serves what waits in their mailbox. */
  readonly emptyMailbox: boolean
  /** Others stay, and take idle connections over by the transfer. */
  readonly moves: boolean
}

/** Another child leaves: have a parker for its connections. */
export interface ReceiveConnections {
  readonly type: 'receive'
  /** False if it will leave soon itself: the others are to take them. */
  readonly takes: boolean
}

/** New limits. */
export interface ResizeChild {
  readonly type: 'resize'
  readonly threads: Range
  readonly spares: Range
}

/** Log files have been renamed: open them anew. */
export interface ReopenLogs {
  readonly type: 'reopen'
}

/** Are you alive? Asked when connections wait although threads idle. */
export interface AskChild {
  readonly type: 'ask'
}

/** Profile a thread for so many seconds, take a snapshot of its heap, or end it and say where it was. */
export interface CaptureThread {
  readonly type: 'capture'
  readonly id: number
  readonly thread: number
  readonly kind: 'profile' | 'heap' | 'kill'
  readonly seconds: number
}

/** A message for all threads of the child but the one that it came from, if it came from there. */
export interface ChannelToChild extends ChannelPost {
  readonly except: number
}

/** So many were lost on their way to this child. */
export interface ChannelLost {
  readonly type: 'lost'
  readonly count: number
}

/** This thread of the child is the one of the pool. */
export interface LeadPool {
  readonly type: 'lead'
  readonly thread: number
}

export type ParentMessage =
  | ChannelToChild
  | ChannelLost
  | LeadPool
  | ReopenLogs
  | ReceiveConnections
  | StartChild
  | DrainChild
  | ResizeChild
  | RenewTls
  | AskChild
  | CaptureThread
