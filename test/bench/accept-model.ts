/** µs; where they come from says `scale.ts`. */
export interface AcceptCosts {
  /** From the release of the accept mutex until a process that sleeps for it runs. */
  readonly handOverUs: number
  readonly lockUs: number
  readonly pollUs: number
  /** accept4, the queue, one wake-up. */
  readonly acceptUs: number
}

export interface Situation {
  /** Connections a second, one request each, that come by chance (exponential gaps). */
  readonly rate: number
  /** Mean of a handler that blocks its thread; exponential. */
  readonly serviceMs: number
  readonly processes: number
  readonly threads: number
  /** Who may accept at a time: permits of the mutex, or all processes (`none`). */
  readonly permits: number
  /** SO_REUSEPORT groups: so many backlogs, which the kernel picks from by hash; each has a share of the processes. */
  readonly groups: number
  readonly costs: AcceptCosts
}

export interface Outcome {
  /** From the arrival to the handler. */
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  /** The share of time for which a permit is taken by work, not by waiting for a connection. */
  readonly mutexShare: number
}

/** The same numbers each time (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * Simulates `count` connections. Each group is one queue, first come, first served, before the threads of its processes; ahead of the threads stands
 * the accept section, with `permits` places, which each connection passes alone.
 *
 * That is what the pool does as long as some thread is idle: a turn accepts one connection, since at the next one's arrival the next process has the
 * mutex. Under overload threads accept by themselves and in batches, which is cheaper; so the model is on the safe side there.
 */
export function simulate(situation: Situation, count = 200_000, seed = 1): Outcome {
  const { rate, serviceMs, processes, threads, permits, groups, costs } = situation
  const random = randomNumbers(seed)
  const exponential = (mean: number): number => -mean * Math.log(1 - random())
  const { handOverUs, lockUs, pollUs, acceptUs } = costs
  const turnMs = (lockUs + pollUs + acceptUs + (permits < processes ? handOverUs : 0)) / 1000
  const places = Math.max(1, Math.floor(permits / groups))
  const servers = Math.max(1, Math.floor((processes * threads) / groups))
  const queues = Array.from({ length: groups }, () => ({
    accepting: new Float64Array(places),
    threads: new Float64Array(servers),
  }))
  const waits = new Float64Array(count)
  let now = 0
  for (let index = 0; index < count; index++) {
    now += exponential(1000 / rate)
    const queue = queues[Math.floor(random() * groups)] ?? queues[0]
    if (queue === undefined) throw new Error('no group')
    const thread = earliest(queue.threads)
    const place = earliest(queue.accepting)
    // Capacity comes first, then the mutex.
    const begun = Math.max(now, queue.threads[thread] ?? 0, queue.accepting[place] ?? 0)
    const accepted = begun + turnMs
    queue.accepting[place] = accepted
    queue.threads[thread] = accepted + exponential(serviceMs)
    waits[index] = accepted - now
  }
  waits.sort()
  const at = (share: number): number => waits[Math.floor(count * share)] ?? 0
  const mutexShare = (rate * turnMs) / 1000 / (places * groups)
  return { p50Ms: at(0.5), p90Ms: at(0.9), p99Ms: at(0.99), mutexShare }
}

function earliest(times: Float64Array): number {
  let first = 0
  for (let index = 1; index < times.length; index++)
    if ((times[index] ?? 0) < (times[first] ?? 0)) first = index
  return first
}
