import type { ChannelPost } from './channel.js'
import type { SerializedError } from './errors.js'
import type { LoadedFile } from './loaded-file.js'
import type { SlowEpisode } from './slow.js'
import type { AskedListener, HandlerKind } from './terms.js'

/** What a child says to the parent, over Node's IPC channel (JSON). */

/** A report about something that went wrong and was survived. */
export interface Report {
  readonly type: 'report'
  /** The worker thread that it is about. */
  readonly thread?: number
  readonly error: SerializedError
}

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
