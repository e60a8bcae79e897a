/** How tests of deaths speak to a pool with the fixture `mortal`. */
import type { ForkthreadError, Stats } from 'forkthread'
import * as assert from 'uvu/assert'
import { get } from './http.js'
import { RawClient } from './raw-client.js'
import type { Serving } from './serve.js'
import { until } from './until.js'

const LIMIT_MS = 30_000

export const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

/**
 * A connection for a thread that has nothing else. One that gives its memory back is not idle for a moment, and a busy machine makes that a long one;
 * but the last idle thread does not do so.
 */
export async function connectToIdle(serving: Serving): Promise<RawClient> {
  const isAnyIdle = () => serving.pool.stats().threads.idle > 0
  await until(isAnyIdle, LIMIT_MS, 'an idle thread')
  return RawClient.connect(serving.port)
}

type Begun = RawClient & { readonly thread: string }

const begun = new WeakMap<Serving, Begun[]>()

/** Sends a request that is in flight from then on, on a thread that has no other one of these; that thread as `PID:THREAD`. */
export async function begin(serving: Serving, path: string): Promise<Begun> {
  const before = begun.get(serving) ?? []
  for (;;) {
    const client = await connectToIdle(serving)
    const [, thread = ''] = await client.write(ask(path)).until(/\r\n(\d+:\d+)\r\n/)
    // A thread that looks whether it may give its memory back is not idle for so long.
    if (before.some((other) => other.thread === thread && !other.socket.destroyed)) {
      client.socket.destroy()
      continue
    }
    const one = Object.assign(client, { thread })
    begun.set(serving, [...before, one])
    return one
  }
}

export const pidOf = (thread: string): number => Number(thread.split(':')[0])

/** The report number `count`, once it has come. */
export async function report(serving: Serving, count = 1): Promise<ForkthreadError> {
  await until(() => serving.errors.length >= count, LIMIT_MS, `${count} reports`)
  return serving.errors[count - 1] as ForkthreadError
}

/** So many threads are idle in ready processes, nothing is in flight, and there was no report beyond `reports`. */
export async function isWhole(serving: Serving, threads: number, reports: number): Promise<void> {
  const idle = () => isIdle(serving.pool.stats(), threads)
  await until(idle, LIMIT_MS, `${threads} idle threads`)
  const messages = serving.errors.map((error) => error.message).join('\n')
  assert.is(serving.errors.length, reports, messages)
  assert.is((await get(serving.url)).status, 200)
  // The client may have the response before its thread is idle again.
  await until(idle, LIMIT_MS, `${threads} idle threads again`)
}

/** Whether so many threads are idle, every process is ready, and nothing is in flight. */
export function isIdle({ threads, processes }: Stats, count: number): boolean {
  const rows = processes.flatMap((process) => process.threads)
  return (
    threads.idle === count &&
    processes.every(({ state }) => state === 'ready') &&
    rows.every(({ inFlight }) => inFlight === 0)
  )
}

export const causeOf = (error: ForkthreadError): ForkthreadError => error.cause as ForkthreadError
