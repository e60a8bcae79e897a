const MIB = 2 ** 20

/** Of the memory, for the heaps of all threads; the rest is for what is no heap. */
const SHARE_OF_HEAPS = 0.75

/** Where even this does not fit for each thread, the pool is too large for its machine, and no limit mends that. */
const LEAST_MIB = 128

/**
 * The old space that a thread may have if `resourceLimits` does not say, in MiB: so much that all threads together fit into the memory.
 * Undefined where that is no less than Node's own limit. A limit that was given to Node itself is each thread's.
 */
export function heapLimit(
  nodeFlags: readonly string[],
  threads: number,
  memoryBytes: number,
  usualBytes: number,
): number | undefined {
  const told = limitOfFlags(nodeFlags, memoryBytes)
  if (told !== undefined) return told
  const fitting = Math.floor((memoryBytes * SHARE_OF_HEAPS) / threads / MIB)
  const limit = Math.max(fitting, LEAST_MIB)
  return limit * MIB < usualBytes ? limit : undefined
}

/** `--max-old-space-size=MIB` or, from Node 24.6 on, `--max-old-space-size-percentage=N`; V8 takes underscores as well. The last one counts. */
function limitOfFlags(flags: readonly string[], memoryBytes: number): number | undefined {
  let limit: number | undefined
  for (const flag of flags) {
    const [, name, text] = /^--(max-old-space-size(?:-percentage)?)=([\d.]+)$/.exec(
      flag.replaceAll('_', '-'),
    ) ?? [undefined, undefined, undefined]
    const number = Number(text)
    if (name === undefined || !(number > 0)) continue
    limit = name.endsWith('percentage') ? (memoryBytes * number) / 100 / MIB : number
  }
  return limit
}

/** What Node was started with: its arguments, and those that the environment adds before them. */
export function flagsOfNode(): readonly string[] {
  return [...(process.env.NODE_OPTIONS ?? '').split(/\s+/), ...process.execArgv]
}
