import type { ChannelPost } from './channel.js'
import type { RenewTls } from './messages-to-child.js'

/** What a child's main thread says to a worker thread, over message ports (structured clone). */

/** What a worker thread is told. */
export type LeaseMessage = AskForCode | EndLease | EndsSoon | RenewTls | RestThread

/** The thread shall hand over what V8 has made of its code; see thread-code.ts. */
export interface AskForCode {
  readonly type: 'code'
}

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
  /** The same where nobody takes what could. */
  readonly unmovedIdleMs: number
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

/** On a second port, for what the whole pool shares. */
export type PoolLinkDown =
  | ChannelPost
  /** The oldest post that was not sent yet has gone to the parent. */
  | { readonly type: 'sent' }
  /** So many messages were lost, since the thread did not take them. */
  | { readonly type: 'lost'; readonly count: number }
  | { readonly type: 'lead' }
