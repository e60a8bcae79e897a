/** WebSockets of a thread that leaves: the handler is told, they go on for up to `drainTimeout`, and whoever is still there then is cut off. */
import { once } from 'node:events'
import type { Pool } from 'forkthread'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { get } from './support/http.js'
import { isRunning } from './support/processes.js'
import { type Serving, serve } from './support/serve.js'
import { until, within } from './support/until.js'

const LIMIT_MS = 30_000
const SHORT_DRAIN_MS = 800

/** A WebSocket, and what it has received so far. */
class Talk implements Disposable {
  readonly #socket: WebSocket
  readonly #received: string[] = []
  /** The code of the end: 1006 if nobody has said goodbye. */
  readonly closed: Promise<number>

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (message) => this.#received.push(String(message)))
    // A broken connection ends with 1006, which is what tests look at.
    socket.on('error', () => undefined)
    this.closed = once(socket, 'close').then(([code]) => code)
  }

  static async open(url: string): Promise<Talk> {
    const socket = new WebSocket(url.replace('http', 'ws'))
    const talk = new Talk(socket)
    await within(once(socket, 'open'), LIMIT_MS, 'open')
    return talk
  }

  async hears(message: string): Promise<void> {
    await until(() => this.#received.includes(message), LIMIT_MS, message)
  }

  async echo(message: string): Promise<void> {
    this.#socket.send(message)
    await this.hears(message)
  }

  close(): void {
    this.#socket.close(1000)
  }

  [Symbol.dispose](): void {
    this.#socket.terminate()
  }
}

const pidOf = ({ pool }: Serving): number => pool.stats().processes[0]?.pid ?? 0

for (const [what, order, others] of [
  ['close', (pool: Pool) => pool.close(), 'ECONNREFUSED'],
  ['reload', (pool: Pool) => pool.reload(), 'plain HTTP'],
] as const) {
  test(`${what}: a WebSocket is told, goes on, and its end is what the process waits for`, async () => {
    await using serving = await serve('web-socket', { canaryTime: 50, drainTimeout: 60_000 })
    const { pool, url, errors } = serving
    const pid = pidOf(serving)
    using talk = await Talk.open(url)
    await talk.echo('hello')
    const ordered = order(pool)
    // If something else fails first, the pool closes under it.
    ordered.catch(() => undefined)
    await talk.hears('going away')
    await talk.echo('I have something to finish')
    const answer = (): Promise<string> =>
      get(url).then(
        ({ body }) => body,
        ({ code }) => code,
      )
    await until(async () => (await answer()) === others, LIMIT_MS, `${others} for others`)
    await talk.echo('this, too')
    assert.ok(isRunning(pid))
    talk.close()
    assert.is(await within(talk.closed, LIMIT_MS, 'its end'), 1000)
    await within(ordered, LIMIT_MS, `the end of ${what}`)
    await until(() => !isRunning(pid), LIMIT_MS, 'the end of the process')
    assert.equal(errors, [])
  })

  test(`${what}: a WebSocket that stays is cut off after drainTimeout`, async () => {
    await using serving = await serve('web-socket', {
      canaryTime: 50,
      drainTimeout: SHORT_DRAIN_MS,
    })
    const { pool, url } = serving
    const pid = pidOf(serving)
    using talk = await Talk.open(url)
    await talk.echo('hello')
    const beganAt = performance.now()
    const ordered = order(pool)
    ordered.catch(() => undefined)
    await talk.hears('going away')
    assert.is(await within(talk.closed, LIMIT_MS, 'its end'), 1006)
    const lastedMs = performance.now() - beganAt
    // A timer may be a millisecond early.
    assert.ok(lastedMs >= SHORT_DRAIN_MS - 10, `${lastedMs} ms`)
    await within(ordered, LIMIT_MS, `the end of ${what}`)
    await until(() => !isRunning(pid), LIMIT_MS, 'the end of the process')
  })
}

test('WebSockets are counted, and the threads that leave tell theirs over signalSpread', async () => {
  await using serving = await serve('web-socket', {
    canaryTime: 50,
    drainTimeout: 60_000,
    signalSpread: 3_000,
    threads: 8,
  })
  const { pool, url } = serving
  const talks = await Promise.all(Array.from({ length: 40 }, () => Talk.open(url)))
  try {
    const counts = (): readonly number[] =>
      pool.stats().processes.flatMap(({ threads }) => threads.map(({ upgraded }) => upgraded))
    const sum = (): number => counts().reduce((all, count) => all + count, 0)
    await until(() => sum() === talks.length, LIMIT_MS, 'all counted')
    const having = counts().filter((count) => count > 0).length
    const beganAt = performance.now()
    const toldMs: number[] = []
    const closed = pool.close()
    await Promise.all(
      talks.map(async (talk) => {
        await talk.hears('going away')
        toldMs.push(performance.now() - beganAt)
        talk.close()
      }),
    )
    await within(closed, LIMIT_MS, 'close')
    const spreadMs = Math.max(...toldMs) - Math.min(...toldMs)
    // Told at random within 3 s: few enough may be told close together, five or more hardly.
    assert.ok(
      having < 5 || spreadMs > 300,
      `${spreadMs} ms from the first to the last of ${having}`,
    )
  } finally {
    for (const talk of talks) talk[Symbol.dispose]()
  }
})

test.run()
