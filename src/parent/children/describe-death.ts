import { MAX_THREADS } from '../../sync/limits.js'
import type { Scoreboard } from '../../sync/scoreboard.js'
import type { Exit } from './child-news.js'
import type { ForkedChild } from './forked-child.js'

const MOST_REQUESTS = 5

/** What is known of a child that is gone: how it ended, how long it lived, what it had in flight. */
export function describeDeath(child: ForkedChild, exit: Exit, scoreboard: Scoreboard): string {
  const { code, signal } = exit
  if (code === null && signal === null) return 'it could not be forked'
  const how = signal === null ? `it exited with status ${code}` : `it was killed by ${signal}`
  const lived = `after ${(child.livedMs / 1000).toFixed(1)} s`
  let inFlight = 0
  const requests: string[] = []
  for (let thread = 0; thread < MAX_THREADS; thread++) {
    const row = scoreboard.rows.read(child.slot, thread)
    if (row.inFlight <= 0) continue
    inFlight += row.inFlight
    if (requests.length < MOST_REQUESTS)
      requests.push(scoreboard.rows.readRequest(child.slot, thread))
  }
  if (inFlight === 0) return `${how} ${lived}, with nothing in flight`
  return `${how} ${lived}, with ${inFlight} in flight (${requests.join('; ')})`
}
