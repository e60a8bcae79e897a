import vm from 'node:vm'
import { SHARE_ENV, Worker } from 'node:worker_threads'
import { fixture } from './paths.js'

/** Seconds that a stress test runs: as given, or FORKTHREAD_STRESS of them (then start the file itself, not the runner). */
export function stressSeconds(inCi: number): number {
  return Number(process.env.FORKTHREAD_STRESS ?? inCi)
}

/** A thread from `test/fixtures/NAME.ts`; `ended` is its 'exit' event, after which it does nothing more. */
export function startThread(name: string, workerData: unknown): Thread {
  const worker = new Worker(fixture(name), { workerData, env: SHARE_ENV, trackUnmanagedFds: false })
  const ended = new Promise<void>((resolve, reject) => {
    worker.once('exit', () => resolve())
    worker.once('error', reject)
  })
  // Who does not wait for the end must not be ended by it.
  ended.catch(() => undefined)
  return { worker, ended }
}

export interface Thread {
  readonly worker: Worker
  readonly ended: Promise<void>
}

/**
 * Runs `life` and ends it after `ms` wherever it is then. A thread costs tens of milliseconds to start, this costs
 * a fraction of one; and it is the very mechanism of `worker.terminate()` (V8's `TerminateExecution`, which no
 * `catch` or `finally` sees and which wakes from `Atomics.wait`). False when `life` ended by itself.
 */
export function liveFor(ms: number, life: () => void): boolean {
  const stage = globalThis as { life?: () => void }
  stage.life = life
  try {
    script.runInThisContext({ timeout: ms })
    return false
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return true
    throw error
  }
}

const script = new vm.Script('life()')

class Death extends Error {}

const operations = [
  'load',
  'store',
  'add',
  'and',
  'or',
  'exchange',
  'compareExchange',
  'wait',
  'notify',
] as const

/**
 * Runs `body` as a thread that dies at its point number `step`: there is one before and one after each atomic
 * operation. Returns false when the body came to its end before that. It must not catch what it does not know.
 *
 * `sleep` stands in for `Atomics.wait`: what the other threads do meanwhile.
 */
export function diesAt(step: number, body: () => void, sleep: () => void = () => {}): boolean {
  const die = (): never => {
    throw new Death()
  }
  try {
    interrupt(step, body, die, sleep)
    return false
  } catch (error) {
    if (error instanceof Death) return true
    throw error
  }
}

/** Runs `body`, and at its point number `step` what `others` do in one go. False when there are fewer points. */
export function interruptedAt(
  step: number,
  body: () => void,
  others: () => void,
  sleep: () => void = () => {},
): boolean {
  let isReached = false
  const act = (): void => {
    isReached = true
    others()
  }
  interrupt(step, body, act, sleep)
  return isReached
}

function interrupt(step: number, body: () => void, others: () => void, sleep: () => void): void {
  const { load } = Atomics
  const real = Object.fromEntries(operations.map((name) => [name, Atomics[name]]))
  let point = 0
  /** Other threads have no points. */
  const apart = (action: () => void): void => {
    const patched = Object.fromEntries(operations.map((name) => [name, Atomics[name]]))
    Object.assign(Atomics, real)
    try {
      action()
    } finally {
      Object.assign(Atomics, patched)
    }
  }
  const pass = (): void => {
    if (point++ === step) apart(others)
  }
  const wait = ([words, index, value]: unknown[]): string => {
    if (load(words as Int32Array, index as number) !== value) return 'not-equal'
    apart(sleep)
    return 'ok'
  }
  for (const name of operations) {
    const operation = real[name] as (...args: unknown[]) => unknown
    const patched = (...args: unknown[]): unknown => {
      pass()
      const result = name === 'wait' ? wait(args) : operation(...args)
      pass()
      return result
    }
    Object.assign(Atomics, { [name]: patched })
  }
  try {
    body()
  } finally {
    Object.assign(Atomics, real)
  }
}
