import * as z from 'zod/mini'
import type { Range } from '../shared/terms.js'
import { MAX_PROCESSES, MAX_THREADS } from '../sync/limits.js'
import { defaultSizes, measureMachine } from './default-sizes.js'
import { form, whole } from './kinds.js'
import { BYTES, MS, milliseconds, option } from './option.js'
import { size } from './units.js'

const machine = measureMachine()
const sizes = defaultSizes(machine.cores, machine.memoryBytes)
const inWords = ({ min, max }: Range): string => (min === max ? String(min) : `${min}:${max}`)

/** `4`, `'1:4'` or `{ min: 1, max: 4 }`. */
function range(limit: number) {
  const bound = whole(1, limit)
  const range = z.strictObject({ min: bound, max: bound })
  return z
    .union([
      z.pipe(
        bound,
        z.transform((both) => ({ min: both, max: both })),
      ),
      z.pipe(z.pipe(form(/^\d+:\d+$/), z.transform(rangeOf)), range),
      range,
    ])
    .check(z.refine(({ min, max }) => min <= max))
}

function rangeOf(text: string): Range {
  const [min = Number.NaN, max = Number.NaN] = text.split(':').map(Number)
  return { min, max }
}

const rangeInWords = (limit: number): string =>
  `a whole number from 1 to ${limit}, or MIN:MAX, or { min, max }, with min not above max`

/** How many processes and threads there are, and when one is replaced. */
export const sizeOptions = {
  processes: option(z._default(range(MAX_PROCESSES / 2), sizes.processes), {
    allowed: rangeInWords(MAX_PROCESSES / 2),
    meaning: `child processes (default here: ${inWords(sizes.processes)}, by its cores)`,
    placeholder: 'N|MIN:MAX',
  }),
  threads: option(z._default(range(MAX_THREADS), sizes.threads), {
    allowed: rangeInWords(MAX_THREADS),
    meaning: `worker threads in each process (default here: ${inWords(sizes.threads)}, by its memory)`,
    placeholder: 'N|MIN:MAX',
  }),
  spares: option(z._default(range(MAX_PROCESSES * MAX_THREADS), sizes.spares), {
    allowed: rangeInWords(MAX_PROCESSES * MAX_THREADS),
    meaning: `idle threads to keep in the whole pool (default here: ${inWords(sizes.spares)}, by its cores)`,
    placeholder: 'N|MIN:MAX',
  }),
  blockedTimeout: option(z._default(milliseconds, 60_000), {
    allowed: MS,
    meaning:
      "ms that a handler may block its thread's event loop; the thread is replaced (default: 60000)",
    placeholder: 'MS',
  }),
  slowThreshold: option(z._default(milliseconds, 100), {
    allowed: MS,
    meaning:
      'ms of a blocked event loop from which on its stack is sampled, for forkthread slow and /slow.json (default: 100; 0: never)',
    placeholder: 'MS',
  }),
  recycleRequests: option(z._default(whole(0), 0), {
    allowed: 'a whole number, 0 for never',
    meaning: 'requests after which a thread is replaced (default: 0, never)',
    placeholder: 'N',
  }),
  recycleHeap: option(z._default(size(), 0), {
    allowed: BYTES,
    meaning: 'bytes of heap from which a thread is replaced (default: 0, never)',
    placeholder: 'BYTES',
  }),
  recycleLifetime: option(z._default(milliseconds, 0), {
    allowed: MS,
    meaning: 'ms after which a process is replaced (default: 0, never)',
    placeholder: 'MS',
  }),
  recycleRss: option(z._default(size(), 0), {
    allowed: BYTES,
    meaning: 'bytes of resident memory from which a process is replaced (default: 0, never)',
    placeholder: 'BYTES',
  }),
}
