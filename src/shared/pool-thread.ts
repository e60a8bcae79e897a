import type { Channel } from './channel.js'

/**
 * What `forkthread/handler` finds in a worker thread. By a symbol that is common to all copies of forkthread, since the code that the
 * user imports is another module than the one that runs the thread.
 */
export interface PoolThread {
  readonly process: number
  readonly thread: number
  readonly generation: number
  readonly pid: number
  readonly signal: AbortSignal
  readonly isLeader: boolean
  readonly onLeader: (act: (signal: AbortSignal) => unknown) => () => void
  readonly channel: (name: string) => Channel
}

const KEY = Symbol.for('forkthread.thread')

type Global = { [KEY]?: PoolThread }

export function setPoolThread(thread: PoolThread): void {
  ;(globalThis as Global)[KEY] = thread
}

export function poolThread(): PoolThread | undefined {
  return (globalThis as Global)[KEY]
}
