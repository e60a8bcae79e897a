/** Channels under load: who posts too much is told and can wait; over reloads nothing that has left is lost or doubled. */
import { writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createPool, type Pool } from '#dist/index.js'
import { get } from './support/http.js'
import { packageRoot } from './support/paths.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'

const LIMIT_MS = 30_000

async function start(text: string): Promise<AsyncDisposable & { readonly pool: Pool }> {
  const folder = tempFolder()
  const head = `import { channel, context } from '${packageRoot}/dist/handler.js'\n`
  writeFileSync(folder.file('app.mjs'), head + text)
  const size = { processes: 2, threads: 1, canaryTime: 0, shutdownIdleTimeout: 0 }
  const handler = folder.file('app.mjs')
  const pool = await createPool({ handler, listen: '127.0.0.1:0', ...size })
  return {
    pool,
    [Symbol.asyncDispose]: async () => {
      await pool.close()
      folder[Symbol.dispose]()
    },
  }
}

/** Posts 1 MiB at a time until it is told to stop, waits, and goes on: `count` in all. */
const FLOOD = `const flood = channel('flood')
const block = new Uint8Array(2 ** 20)
export default async (request, response) => {
  let full = 0
  for (let n = 0; n < 60; )
    try {
      flood.postMessage({ n, block })
      n++
    } catch (error) {
      if (error.code !== 'FT_ERR_CHANNEL_FULL') throw error
      full++
      await flood.drained()
    }
  await flood.drained()
  response.end(String(full))
}
`

test('who posts more than 16 MiB at once is told, waits by drained(), and loses nothing', async () => {
  await using started = await start(FLOOD)
  const flood = started.pool.channel('flood')
  const heard: number[] = []
  flood.onmessage = ({ data }) => heard.push(data.n)
  const full = Number((await get(started.pool.address)).body)
  // 60 MiB in portions of at most 16, a third larger as they are sent.
  assert.ok(full >= 4, `${full}`)
  await until(() => heard.length >= 60, LIMIT_MS, 'all messages')
  assert.equal(
    heard,
    Array.from({ length: 60 }, (_, n) => n),
  )
  flood.close()
})

/** Counts up in every thread, as long as it lives; the last word comes from the thread's end. */
const COUNTS = `const counts = channel('counts')
const who = \`\${context.pid}.\${context.thread}\`
let n = 0
const timer = setInterval(() => counts.postMessage({ who, n: n++ }), 2)
timer.unref()
export async function teardown() {
  clearInterval(timer)
  counts.postMessage({ who, last: n })
  await counts.drained()
}
export default (request, response) => response.end(who)
`

test('over two reloads each sender is heard from its first word to its last, once and in order', async () => {
  await using started = await start(COUNTS)
  const counts = started.pool.channel('counts')
  const heard = new Map<string, number[]>()
  const last = new Map<string, number>()
  counts.onmessage = ({ data }) => {
    if (data.last !== undefined) last.set(data.who, data.last)
    else heard.set(data.who, [...(heard.get(data.who) ?? []), data.n])
  }
  await until(() => heard.size === 2, LIMIT_MS, 'two senders')
  for (let generation = 1; generation <= 2; generation++) {
    await started.pool.reload()
    await until(() => last.size === 2 * generation, LIMIT_MS, 'their last words')
  }
  for (const [who, count] of last) {
    const numbers = heard.get(who) ?? []
    // The parent has opened its channel after the first ones had begun.
    const [first = 0] = numbers
    const expected = Array.from({ length: count - first }, (_, index) => first + index)
    assert.equal(numbers, expected, who)
  }
  counts.close()
})

test.run()
