/** A real Prometheus scrapes a pool that is reloaded meanwhile. On demand: it takes a quarter of a minute. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from './support/free-port.js'
import { get } from './support/http.js'
import { serve } from './support/serve.js'
import { tempFolder } from './support/temp-folder.js'
import { testWith } from './support/tools.js'
import { until } from './support/until.js'

interface QueryAnswer {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] }
}

const COUNTERS = [
  'http_server_request_duration_seconds_bucket',
  'http_server_request_duration_seconds_count',
  'http_server_request_duration_seconds_sum',
  'forkthread_queue_time_seconds_count',
  'forkthread_handoff_seconds_count',
  'forkthread_requests_total',
  'forkthread_sent_bytes_total',
  'forkthread_starts_total',
  'forkthread_reloads_total',
]

const NAME = 'a Prometheus reads it, and no counter goes back over a reload'

async function scraped(): Promise<void> {
  await using serving = await serve('routes', { metrics: '127.0.0.1:0', processes: 2, threads: 2 })
  const { url, pool } = serving
  using folder = tempFolder()
  const config = folder.file('prometheus.yml')
  const target = new URL(pool.metricsAddress ?? '').host
  writeFileSync(
    config,
    `{ global: { scrape_interval: 1s }, scrape_configs: [{ job_name: app, static_configs: [{ targets: ['${target}'] }] }] }`,
  )
  const port = await freePort()
  const options = [`--config.file=${config}`, `--storage.tsdb.path=${folder.file('data')}`]
  const prometheus = spawn('prometheus', [...options, `--web.listen-address=127.0.0.1:${port}`], {
    stdio: 'ignore',
  })
  const ended = once(prometheus, 'exit')
  const query = async (text: string): Promise<number | undefined> => {
    const path = `/api/v1/query?query=${encodeURIComponent(text)}`
    const { body } = await get(`http://127.0.0.1:${port}${path}`)
    const [first] = (JSON.parse(body) as QueryAnswer).data.result
    return first === undefined ? undefined : Number(first.value[1])
  }
  const says = async (text: string, isRight: (value: number) => boolean): Promise<void> => {
    const isSo = async (): Promise<boolean> => {
      const value = await query(text).catch(() => undefined)
      return value !== undefined && isRight(value)
    }
    await until(isSo, 30_000, text)
  }
  const count = 'sum(http_server_request_duration_seconds_count)'
  try {
    for (let asked = 0; asked < 5; asked++) await get(`${url}/users/${asked}`)
    await says('up{job="app"}', (up) => up === 1)
    await says(count, (requests) => requests === 5)
    await pool.reload()
    for (let asked = 0; asked < 5; asked++) await get(`${url}/users/${asked}`)
    await says(count, (requests) => requests === 10)
    const p99 =
      'histogram_quantile(0.99, sum by (le) (rate(http_server_request_duration_seconds_bucket[1m])))'
    await says(p99, (seconds) => seconds > 0 && seconds <= 10)
    for (const name of COUNTERS) assert.is(await query(`max(resets(${name}[1m]))`), 0, name)
    await says('sum(process_open_fds)', (descriptors) => descriptors > 20)
  } finally {
    prometheus.kill()
    await ended
  }
}

if (process.env.FORKTHREAD_PROMETHEUS === undefined) {
  console.log(`skipped: "${NAME}": only with FORKTHREAD_PROMETHEUS=1`)
  test.skip(NAME, scraped)
} else testWith('prometheus', NAME, scraped)

test.run()
