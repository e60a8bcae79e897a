import { epochNs } from './clock.js'
import type { Served } from './order.js'

/** Times that are larger count from 1970: no machine has been running for thirty years. */
const LONGEST_UPTIME_NS = 10n ** 18n

/** Reads `THREAD FROM TO`, in ns since the boot or since 1970; undefined when the reply is something else. */
export function readStamps(body: string): Served | undefined {
  const [, thread, from, to] = /(\S+) (\d+) (\d+)\n/.exec(body) ?? []
  if (thread === undefined || from === undefined || to === undefined) return undefined
  return { thread, startedMs: uptimeMs(BigInt(from)), endedMs: uptimeMs(BigInt(to)) }
}

function uptimeMs(ns: bigint): number {
  return Number(ns < LONGEST_UPTIME_NS ? ns : ns - epochNs) / 1e6
}
