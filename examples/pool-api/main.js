/**
 * A pool from a program of one's own instead of the command: makes it, prints a line of its
 * statistics every few seconds, closes it on Ctrl-C. The handler stands in a module of its own
 * (handler.js), because the pool loads it in other processes and threads.
 *
 *   PORT=8080 node examples/pool-api/main.js
 *   curl http://127.0.0.1:8080/
 */
import { createPool } from 'forkthread'

const STATS_INTERVAL_MS = 5000

const pool = await createPool({
  handler: new URL('./handler.js', import.meta.url),
  listen: `127.0.0.1:${process.env.PORT ?? 8080}`,
  processes: 2,
  threads: 2,
})
function printStats() {
  const { scoreboard, threads, totals } = pool.stats()
  console.log(`[${scoreboard}] ${totals.requests} requests, ${threads.idle} threads idle`)
}

const timer = setInterval(printStats, STATS_INTERVAL_MS)

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    clearInterval(timer)
    printStats()
    await pool.close()
    console.log('closed')
  })
}

console.log(`listening on ${pool.address}`)
