/** How long a thread waited for a core: what the kernel says of that very thread. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runDelayUs } from '#dist/sys/run-delay.js'

const SPIN_MS = 400

const spinner = `
  const { runDelayUs } = await import(${JSON.stringify(import.meta.resolve('#dist/sys/run-delay.js'))})
  const { parentPort } = await import('node:worker_threads')
  const before = runDelayUs()
  const end = performance.now() + ${SPIN_MS}
  while (performance.now() < end);
  parentPort.postMessage(runDelayUs() - before)
`

async function delayOfSpinner(): Promise<number> {
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(spinner)}`))
  return await new Promise((resolve, reject) => {
    worker.once('message', resolve).once('error', reject)
  })
}

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux('threads that share too few cores have waited, each by its own account', async () => {
  const threads = 3 * availableParallelism()
  const delays = await Promise.all(Array.from({ length: threads }, delayOfSpinner))
  // Together they could run for a third of the time, were all there at once from the beginning.
  const sum = delays.reduce((one, other) => one + other)
  assert.ok(sum > (threads * SPIN_MS * 1000) / 6, `${delays}`)
  for (const delay of delays) assert.ok(delay <= SPIN_MS * 1100, `${delays}`)
})

onLinux('a thread that sleeps has not waited for a core', () => {
  const before = runDelayUs() ?? Number.NaN
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SPIN_MS)
  const delay = (runDelayUs() ?? Number.NaN) - before
  assert.ok(delay >= 0 && delay < (SPIN_MS * 1000) / 4, `${delay}`)
})

test.run()
