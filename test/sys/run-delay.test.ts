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
  const began = performance.now()
  const before = runDelayUs()
  while (performance.now() < began + ${SPIN_MS});
  const delayUs = runDelayUs() - before
  parentPort.postMessage({ delayUs, elapsedUs: (performance.now() - began) * 1000 })
`

interface Spin {
  readonly delayUs: number
  readonly elapsedUs: number
}

async function spin(): Promise<Spin> {
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(spinner)}`))
  return await new Promise((resolve, reject) => {
    worker.once('message', resolve).once('error', reject)
  })
}

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux('threads that share too few cores have waited, each by its own account', async () => {
  const threads = 3 * availableParallelism()
  const spins = await Promise.all(Array.from({ length: threads }, spin))
  // Each could run for a third of the time, were all there at once from the beginning.
  const sum = spins.reduce((us, { delayUs }) => us + delayUs, 0)
  assert.ok(sum > (threads * SPIN_MS * 1000) / 6, `${sum}`)
  for (const { delayUs, elapsedUs } of spins)
    assert.ok(delayUs < elapsedUs, `${delayUs}, ${elapsedUs}`)
})

onLinux('a thread that sleeps has not waited for a core', () => {
  const before = runDelayUs() ?? Number.NaN
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SPIN_MS)
  const delay = (runDelayUs() ?? Number.NaN) - before
  assert.ok(delay >= 0 && delay < SPIN_MS * 1000 * 0.9, `${delay}`)
})

test.run()
