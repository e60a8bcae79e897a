import * as z from 'zod'
import type { Range } from '../shared/terms.js'
import { MAX_PROCESSES, MAX_THREADS } from '../sync/limits.js'
import { defaultSizes, measureMachine } from './default-sizes.js'
import { BYTES, MS, milliseconds, option } from './option.js'
import { size } from './units.js'

const machine = measureMachine()
const sizes = defaultSizes(machine.cores, machine.memoryBytes)
const inWords = ({ min, max }: Range): string => (min === max ? String(min) : `${min}:${max}`)

/** `4`, `'1:4'` or `{ min: 1, max: 4 }`. */
function range(limit: number) {
  const bound = z.int().min(1).max(limit)
  return z
    .union([
      bound.transform((both) => ({ min: both, max: both })),
      z
        .string()
        .regex(/^\d+:\d+$/)
        .transform((text) => text.split(':').map(Number))
        .pipe(z.tuple([bound, bound]))
        .transform(([min, max]) => ({ min, max })),
      z.strictObject({ min: bound, max: bound }),
    ])
    .refine(({ min, max }) => min <= max)
}

const rangeInWords = (limit: number): string =>
  `a whole number from 1 to ${limit}, or MIN:MAX, or { min, max }, with min not above max`

/** How many processes and threads there are, and when one is replaced. */
export const sizeOptions = {
  processes: option(range(MAX_PROCESSES / 2).default(sizes.processes), {
    allowed: rangeInWords(MAX_PROCESSES / 2),
    meaning: `child processes (default here: ${inWords(sizes.processes)}, by its cores)`,
    placeholder: 'N|MIN:MAX',
  }),
  threads: option(range(MAX_THREADS).default(sizes.threads), {
    allowed: rangeInWords(MAX_THREADS),
    meaning: `worker threads in each process (default here: ${inWords(sizes.threads)}, by its memory)`,
    placeholder: 'N|MIN:MAX',
  }),
  spares: option(range(MAX_PROCESSES * MAX_THREADS).default(sizes.spares), {
    allowed: rangeInWords(MAX_PROCESSES * MAX_THREADS),
    meaning: `idle threads to keep in the whole pool (default here: ${inWords(sizes.spares)}, by its cores)`,
    placeholder: 'N|MIN:MAX',
  }),
  blockedTimeout: option(milliseconds.default(60_000), {
    allowed: MS,
    meaning:
      "ms that a handler may block its thread's event loop; the thread is replaced (default: 60000)",
    placeholder: 'MS',
  }),
  slowThreshold: option(milliseconds.default(100), {
    allowed: MS,
    meaning:
      'ms of a blocked event loop from which on its stack is sampled, for forkthread slow and /slow.json (default: 100; 0: never)',
    placeholder: 'MS',
  }),
  recycleRequests: option(z.int().min(0).default(0), {
    allowed: 'a whole number, 0 for never',
    meaning: 'requests after which a thread is replaced (default: 0, never)',
    placeholder: 'N',
  }),
  recycleHeap: option(size().default(0), {
    allowed: BYTES,
    meaning: 'bytes of heap from which a thread is replaced (default: 0, never)',
    placeholder: 'BYTES',
  }),
  recycleLifetime: option(milliseconds.default(0), {
    allowed: MS,
    meaning: 'ms after which a process is replaced (default: 0, never)',
    placeholder: 'MS',
  }),
  recycleRss: option(size().default(0), {
    allowed: BYTES,
    meaning: 'bytes of resident memory from which a process is replaced (default: 0, never)',
    placeholder: 'BYTES',
  }),
}
