import type { EventEmitter } from 'node:events'
import type { Children } from './children/children.js'
import { hasDied } from './children/exit-kind.js'
import type { PoolEvents } from './pool-events.js'
import type { PoolNews } from './pool-news.js'
import type { PoolState } from './pool-state.js'
import { type Chronicle, causeOfDeath } from './records/chronicle.js'
import type { SlowRoutes } from './records/slow-routes.js'

export interface Followers {
  readonly pool: EventEmitter<PoolEvents>
  readonly state: PoolState
  readonly news: PoolNews
  readonly chronicle: Chronicle
  readonly slow: SlowRoutes
  readonly wakeNext: () => void
}

/** Passes on what the children tell. */
export function followChildren(children: Children, followers: Followers): void {
  const { pool, state, news, chronicle, slow, wakeNext } = followers
  // It may have had a wake-up for a connection that still waits.
  children.on('exit', wakeNext)
  children.on('decision', (action, reason, origin) => news.decide(action, reason, origin))
  children.on('thread', (thread) => {
    if (thread.phase === 'ready') chronicle.started('thread')
    pool.emit('thread', thread)
  })
  children.on('ready', ({ slot: process, pid, generation }) => {
    chronicle.started('process')
    // Nobody can listen before `createPool` has resolved; the first children are told of then.
    if (state.now !== 'starting') pool.emit('child', { process, pid, generation })
  })
  children.on('report', (error, origin) => news.report(error, origin))
  children.on('slow', (episode) => slow.add(episode, Date.now()))
  children.on('notice', (text) => news.note(text))
  children.on('exit', (child, exit, expected) => {
    const { slot: process, pid, generation, livedMs } = child
    if (hasDied(child, exit)) chronicle.processDied(causeOfDeath(child.killedFor, exit))
    pool.emit('exit', { process, pid, generation, ...exit, expected, livedMs })
  })
}
