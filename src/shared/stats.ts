import type { ThreadState } from '../sync/thread-rows.js'
import type { CpuMeasure, Measures } from './measures.js'
import type { SlowReport } from './slow.js'
import type { Range } from './terms.js'

export type ChildState = 'starting' | 'ready' | 'draining'

/** What `pool.stats()` returns. */
export interface Stats {
  /** Of the parent. */
  readonly pid: number
  readonly generation: number
  readonly uptimeMs: number
  readonly listeners: readonly ListenerStats[]
  readonly totals: {
    readonly connections: number
    readonly requests: number
    /** Written to clients, with headers and what TLS adds. */
    readonly bytes: number
    /** What all requests together have taken. */
    readonly durationMs: number
    /** Requests and connections whose handler threw or rejected. */
    readonly errors: number
    readonly childDeaths: number
    readonly threadDeaths: number
    readonly reloads: number
    /** Connections that were closed because their PROXY header was wrong or did not come in time. */
    readonly proxyErrors: number
    /** Requests and connections that were turned away before a handler ran: `queueTimeout`, `maxConnections`. */
    readonly refused: number
    /** Idle connections that went on in another process when theirs left. */
    readonly moved: number
    /** Those that should have, and found no room there. */
    readonly unmoved: number
  }
  /** From the arrival in the kernel to the handler, of the requests of the last seconds. */
  readonly queueTime: { readonly p50Ms: number; readonly p99Ms: number }
  /** From the request's headers to the close of its response, of those that ended in the last seconds. */
  readonly duration: { readonly p50Ms: number; readonly p99Ms: number }
  /** Requests that ended in the last second. */
  readonly requestsPerSecond: number
  /** Busy threads in `threads.max`, from 0 to 1, on average over the last seconds. */
  readonly busyShare: number
  readonly threads: {
    readonly idle: number
    readonly busy: number
    readonly starting: number
    readonly max: number
  }
  readonly processes: readonly ProcessStats[]
  /** One letter per thread: `.` none, `S` starting, `_` idle, `R` reading, `W` writing, `K` keep-alive, `C` closing, `G` finishing. */
  readonly scoreboard: string
  readonly lastDecision: Decision
  /** Why processes of one generation may differ in their code; absent while they can't. */
  readonly mixedCode?: string
}

/** How the pool was doing in a second. */
export interface LoadPoint {
  /** Epoch ms. */
  readonly at: number
  readonly requestsPerSecond: number
  /** Of what ended in the ten seconds before. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly queueP50Ms: number
  readonly queueP99Ms: number
  readonly busyShare: number
}

/** Something that has happened to the pool. */
export interface PoolEvent {
  /** Epoch ms. */
  readonly at: number
  readonly kind: 'decision' | 'death' | 'reload' | 'error'
  readonly text: string
}

/** A thread that has had something in flight for a while. */
export interface RunningRequest {
  readonly process: number
  readonly thread: number
  readonly pid: number
  /** The oldest that it has in flight, as of a second ago: method and path, without what stands behind it, which may be secret. */
  readonly request: string
  readonly inFlight: number
  /** For how long that has been in flight. */
  readonly busyMs: number
}

/** What the page shows beyond `Stats`. */
export interface RecentPast {
  readonly points: readonly LoadPoint[]
  readonly events: readonly PoolEvent[]
  /** Those that run longest first. */
  readonly running: readonly RunningRequest[]
  /** Of the pool's cgroup, if it has a limit. */
  readonly memory?: { readonly usedBytes: number; readonly limitBytes: number }
}

export interface ListenerStats {
  readonly address: string
  /** Connections that the kernel holds ready to be accepted, and how many it may hold. */
  readonly backlog: { readonly length: number; readonly limit: number }
}

export interface ProcessStats {
  readonly pid: number
  /** Its number in the pool, which log lines and metrics call `process`. */
  readonly slot: number
  readonly generation: number
  readonly state: ChildState
  /** Epoch ms. */
  readonly startedAt: number
  readonly ageMs: number
  readonly cpuMs: number
  readonly rssBytes: number
  /** Idle keep-alive connections that belong to no thread; at most a second old. */
  readonly parked: number
  readonly threads: readonly ThreadStats[]
}

export interface ThreadStats {
  readonly id: number
  readonly state: ThreadState
  readonly inFlight: number
  readonly connections: number
  /** Those among them that have changed to another protocol, such as WebSockets. */
  readonly upgraded: number
  readonly requests: number
  /** How long the thread has had something in flight without a break; 0 when idle. */
  readonly busyMs: number
  readonly loopDelayMs: number
  readonly heapBytes: number
}

/** What the pool last decided about its size, and why. */
export interface Decision {
  /** Epoch ms. */
  readonly at: number
  readonly action: string
  readonly reason: string
}

/** How far a reload has come. */
export interface ReloadProgress {
  /** The number of the new generation. */
  readonly generation: number
  /** On trial is the first new process; the others follow. */
  readonly phase: 'canary' | 'rolling' | 'done' | 'failed'
  /** Processes of the old generation that have been replaced, and that still serve. */
  readonly replaced: number
  readonly remaining: number
  /** What has just happened, for people. */
  readonly step: string
}

/** Between which limits a pool breathes, as `resize` changes them: processes, threads in each, idle threads in all. */
export type PoolRanges = Readonly<Record<'processes' | 'threads' | 'spares', Range>>

/** What the admin address shows, and what it may ask the pool to do. */
export interface AdminSource {
  readonly stats: () => Stats
  /** Why the pool is not ready for traffic; `undefined` when it is. */
  readonly notReady: () => string | undefined
  /** What is to be known of a pool that is ready. */
  readonly remark: () => string | undefined
  readonly slow: () => SlowReport
  readonly ranges: () => PoolRanges
  readonly measures: () => Measures
  readonly past: () => RecentPast
  readonly cpu: () => CpuMeasure
  /** Profiles a thread, or takes a snapshot of its heap: the path of a file, whose folder is the caller's to remove. */
  readonly capture: (wanted: {
    readonly kind: CaptureKind
    readonly process: number
    readonly thread: number
    readonly seconds: number
  }) => Promise<string>
  readonly orders: Readonly<Record<OrderName, Order>>
}

export type CaptureKind = 'profile' | 'heap'

export const ORDERS = [
  'reload',
  'upgrade',
  'stop',
  'resize',
  'drain',
  'undrain',
  'kill',
  'log-level',
] as const
export type OrderName = (typeof ORDERS)[number]

/** Settles when the order is carried out, or with why it can't be; `tell` gets each step, for people. */
export type Order = (
  tell: (step: string) => void,
  /** What the order is about, such as `threads=2:8`. */
  query: Readonly<URLSearchParams>,
) => Promise<void>

/** Serves the admin address on a listening descriptor, which belongs to it from then on. */
export type OpenAdmin = (
  fd: number,
  source: AdminSource,
  /** `read`: no orders, and for everybody. */
  rights: 'all' | 'read',
  /** Who gives orders over TCP must know it. */
  token?: string,
) => { handOver(): void; close(): void }

/** It is loaded when the children have been forked. */
export type LoadAdmin = () => Promise<OpenAdmin>
