import type { MessagePort } from 'node:worker_threads'
import type { MechanismTerms } from '../sync/create-mechanism.js'
import type { DescriptorEnds } from '../sync/descriptor-ends.js'
import type { ListenerAddress } from '../sync/listener-addresses.js'
import type { ParkingTerms } from '../sync/parking.js'
import type { AccessLogSettings, AccessLogTerms } from './access-log.js'
import type { ChannelPost } from './channel.js'
import type { SerializedError } from './errors.js'
import type { LoadedFile } from './loaded-file.js'
import type { SlowEpisode } from './slow.js'
import type { StandardPending, StandardTerms } from './standard-output.js'

/**
 * What the rooms say to each other: parent and child over Node's IPC channel (JSON), a child's main thread and its
 * other threads over message ports (structured clone).
 */

/** What becomes of an idle keep-alive connection: handed back, kept by its thread, or whichever pays. */
export type KeepAlive = 'auto' | 'park' | 'pin'

export type HandlerKind = 'http' | 'https' | 'raw' | 'tls'

/** Where a program would listen, and how long its backlog would be; 0 if it does not say. */
export type AskedListener = { readonly backlog: number } & (
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }
  /** An abstract one begins with a zero byte, as Node names them. */
  | { readonly kind: 'unix'; readonly path: string }
)

export interface InspectTerms {
  readonly host: string
  readonly port: number
}

export interface Range {
  readonly min: number
  readonly max: number
}

/** Towards the client; milliseconds, 0 for never. */
export interface ClientTimeouts {
  readonly keepAliveTimeout: number
  readonly headersTimeout: number
  readonly requestTimeout: number
}

/** How the connections of a listener begin. */
export interface ListenerTerms {
  /** With a PROXY header. */
  readonly proxyProtocol: boolean
  /** With a TLS handshake of the pool's; a program's server may have its own all the same. */
  readonly isSecure: boolean
  /** Which of the terms of TLS that is done with; none if no key was given. */
  readonly certificates?: number
}

/** A certificate with its key, as `node:tls` takes them; all is PEM. */
export interface TlsIdentity {
  readonly key: string
  readonly cert: string
  readonly ca?: readonly string[]
  readonly passphrase?: string
  readonly minVersion?: TlsVersion
  readonly maxVersion?: TlsVersion
  readonly ciphers?: string
  /** In lower case; `*.` may stand for one label. */
  readonly servernames: readonly string[]
}

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'

/** What the pool's own TLS is done with, at one listener or several. The first identity is for clients that ask for none of the names. */
export interface TlsTerms {
  /** The address whose own they are; empty for those of the pool. */
  readonly owner: string
  readonly identities: readonly TlsIdentity[]
  readonly requestCert: boolean
  readonly rejectUnauthorized: boolean
  /** Of HTTP, best first. */
  readonly protocols: readonly ('h2' | 'http/1.1')[]
}

/** New certificates, on their way from the parent to the threads. */
export interface RenewTls {
  readonly type: 'tls'
  readonly tls: readonly TlsTerms[]
}

/** What is turned away, and what is told of the wait. */
export interface OverloadTerms {
  /** ms, 0 for never. */
  readonly queueTimeout: number
  /** In the whole pool; 0 for no limit. */
  readonly maxConnections: number
  /** Believe a proxy when it began to wait. */
  readonly trustRequestStart: boolean
  readonly queueTimeHeader: 'off' | 'x-queue-time' | 'server-timing'
}

/** As whom a child runs; the parent has looked the numbers up. */
export interface Identity {
  /** For messages. */
  readonly name: string
  readonly uid: number
  readonly gid: number
  /** Supplementary groups. */
  readonly groups: readonly number[]
}

/** A report about something that went wrong and was survived. */
export interface Report {
  readonly type: 'report'
  /** The worker thread that it is about. */
  readonly thread?: number
  readonly error: SerializedError
}

// ── parent → child ─────────────────────────────────────────────────────────────────────────────────

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

// ── child → parent ─────────────────────────────────────────────────────────────────────────────────

/** All threads have loaded the handler. */
export interface ChildReady {
  readonly type: 'ready'
  readonly kinds: readonly HandlerKind[]
}

/** The handler is a program, and would listen there. */
export interface ChildAsks {
  readonly type: 'asks'
  readonly asked: readonly AskedListener[]
}

/** Something that one line of the pool's log says for all threads that tell it. */
export interface Notice {
  readonly type: 'notice'
  readonly text: string
}

/** The handler could not be loaded; the child leaves. */
export interface ChildFailed {
  readonly type: 'failed'
  readonly error: SerializedError
}

/** Somebody else than the parent has told the child to leave; it waits for the parent's word. */
export interface ChildLeaving {
  readonly type: 'leaving'
}

/** Everything is finished; the child leaves with status 0. */
export interface ChildDrained {
  readonly type: 'drained'
}

/** Idle connections are on their way to the children that stay. */
export interface ChildMoves {
  readonly type: 'moves'
}

/** The last idle thread has become busy, and this child may start no more. */
export interface ChildPressure {
  readonly type: 'pressure'
}

/** Files that the handler has loaded. */
export interface FilesLoaded {
  readonly type: 'loaded'
  readonly files: readonly LoadedFile[]
}

/** The child has started or retired threads. */
export interface ChildDecision {
  readonly type: 'decision'
  /** The worker thread that it is about, if it is one. */
  readonly thread?: number
  readonly action: string
  readonly reason: string
}

/** A worker thread of the child may be given work, or runs no more. */
export interface ChildThread {
  readonly type: 'thread'
  readonly phase: 'ready' | 'over'
  readonly thread: number
}

/** A handler has blocked its thread for longer than `slowThreshold`. */
export interface ChildSlow {
  readonly type: 'slow'
  readonly episode: SlowEpisode
}

/** What was captured of a thread is in a file, whose folder is the parent's to remove; or why not. */
export interface ThreadCaptured {
  readonly type: 'captured'
  readonly id: number
  readonly path?: string
  /** Of a thread that was ended: the place where it was, from the inside out. */
  readonly stack?: readonly string[]
  readonly error?: SerializedError
}

export interface ChildAlive {
  readonly type: 'alive'
}

/** A thread has posted it. */
export interface ChannelFromChild extends ChannelPost {
  readonly thread: number
}

/** A thread that was to lead leads no more. */
export interface ThreadResigned {
  readonly type: 'resigned'
  readonly thread: number
}

export type ChildMessage =
  | ChannelFromChild
  | ThreadResigned
  | ChildSlow
  | ThreadCaptured
  | ChildReady
  | ChildAsks
  | Notice
  | ChildFailed
  | ChildLeaving
  | ChildMoves
  | ChildDrained
  | ChildPressure
  | ChildDecision
  | ChildThread
  | FilesLoaded
  | ChildAlive
  | Report

// ── child's main thread ↔ worker thread ────────────────────────────────────────────────────────────

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

/** The thread has loaded the handler. */
export interface ThreadReady {
  readonly type: 'ready'
  /** What each listener serves. */
  readonly kinds: readonly HandlerKind[]
  /** Node's id of the thread. */
  readonly threadId: number
}

/** The answer to `RestThread`. */
export interface ThreadRested {
  readonly type: 'rested'
  /** False if it could not be spared. */
  readonly isDone: boolean
}

/** The thread could not load the handler; piscina's own rejection would lose the error's class and code. */
export interface ThreadFailed {
  readonly type: 'failed'
  readonly error: SerializedError
}

/** The thread would park connections, and there is no parker yet. */
export interface ThreadWantsParker {
  readonly type: 'parker'
}

/** An idle connection of the thread is on its way to another process. */
export interface ThreadMoves {
  readonly type: 'moves'
}

/** The thread has begun to leave by itself. */
export interface ThreadLeaves {
  readonly type: 'leaves'
  readonly why: string
}

/** An exception that nobody catches ends the thread. */
export interface ThreadDies {
  readonly type: 'dies'
  /** What is in flight, the first few. */
  readonly requests: readonly string[]
}

/** The app has called `process.exit`. */
export interface ThreadExits {
  readonly type: 'exits'
  readonly code: number
}

/** The thread has finished what it had; what comes now is Node's own end of it. */
export interface ThreadDone {
  readonly type: 'done'
}

/** Its code has started a program, or has seen the end of one. */
export interface ThreadProgram {
  readonly type: 'program'
  readonly phase: 'started' | 'ended'
  readonly pid: number
}

export type WorkerMessage =
  | ThreadProgram
  | ThreadWantsParker
  | ThreadMoves
  | ThreadReady
  | ThreadRested
  | ThreadFailed
  | ThreadLeaves
  | ThreadExits
  | ThreadDies
  | ThreadDone
  | ChildAsks
  | FilesLoaded
  | Notice
  | Report

/** What a worker thread is told. */
export type LeaseMessage = EndLease | EndsSoon | RenewTls | RestThread

/** The whole pool ends: responses from now on are the last of their connections. */
export interface EndsSoon {
  readonly type: 'ends soon'
}

/** Who goes on with the idle connections of a thread that leaves. */
export interface WayOfLeaving {
  /** The other threads of its process, other processes, or nobody. */
  readonly to: 'process' | 'pool' | 'nobody'
  /** What can't go there is closed once it has been idle for so long, ms. */
  readonly idleMs: number
}

/** The thread shall give back memory, if it can be spared meanwhile. */
export interface RestThread {
  readonly type: 'rest'
}

/** The thread shall finish what it has and return its lease. */
export interface EndLease {
  readonly type: 'end'
  /** Serve what is still queued, too: no other thread will. */
  readonly takeRest: boolean
  readonly way: WayOfLeaving
}

// ── what the whole pool shares: a worker thread's second port ──────────────────────────────────────

/** Has to be sent to all the others, each of which gets it in this order. */
export type PoolLinkUp =
  | ChannelPost
  /** So much of what was sent down has been taken. */
  | { readonly type: 'heard'; readonly bytes: number }
  /** It leads no more. */
  | { readonly type: 'resigned' }

export type PoolLinkDown =
  | ChannelPost
  /** The oldest post that was not sent yet has gone to the parent. */
  | { readonly type: 'sent' }
  /** So many messages were lost, since the thread did not take them. */
  | { readonly type: 'lost'; readonly count: number }
  | { readonly type: 'lead' }

// ── child's main thread ↔ listener thread ──────────────────────────────────────────────────────────

/** `workerData` of the listener thread. */
export interface ListenerStart {
  readonly slot: number
  /** See `OverloadTerms`. */
  readonly queueTimeout: number
  readonly wakeDescriptor: number
  readonly mechanism: MechanismTerms
  readonly mailbox: DescriptorEnds | undefined
  readonly memory: SharedArrayBuffer
  readonly scoreboard: number
}

// ── child's main thread ↔ parker ───────────────────────────────────────────────────────────────────

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
