const MIB = 2 ** 20

/** Of the memory, for the heaps of all threads; the rest is for what is no heap. */
const SHARE_OF_HEAPS = 0.75

/** Where even this does not fit for each thread, the pool is too large for its machine, and no limit mends that. */
const LEAST_MIB = 128

/** Of a thread's share, for its young generation at most: a larger old one lives longer with what it keeps. */
const SHARE_OF_YOUNG = 1 / 4

/** V8 makes a young generation of three semi-spaces, and rounds their size up to a power of two. */
const SEMI_SPACES = 3

/** The semi-spaces that V8 grows to where it is told nothing and has memory enough, in MiB: of Node 20 and 22, of 24, of 26. */
const [v8Version = 0] = process.versions.v8.split('.').map(Number)
const USUAL_SEMI_SPACE_MIB = v8Version < 13 ? 16 : v8Version === 13 ? 64 : 32

/** Those that decide how large a heap may become: `undefined` is Node's own. */
export interface HeapLimits {
  readonly maxOldGenerationSizeMb?: number | undefined
  readonly maxYoungGenerationSizeMb?: number | undefined
}

/**
 * What a thread's heap may have, in MiB, as far as `given` does not say: so much that all threads together fit into the memory. Nothing where that
 * is no less than Node's own limit. The old space that was given to Node itself is each thread's. Who says how large the old one may be
 * has the young one as Node makes it, as in node:worker_threads.
 */
export function heapLimits(
  given: HeapLimits,
  nodeFlags: readonly string[],
  threads: number,
  memoryBytes: number,
  usualBytes: number,
): HeapLimits {
  const told = given.maxOldGenerationSizeMb ?? limitOfFlags(nodeFlags, memoryBytes)
  if (told !== undefined) return { ...given, maxOldGenerationSizeMb: told }
  const share = (memoryBytes * SHARE_OF_HEAPS) / threads / MIB
  if (share * MIB >= usualBytes) return given
  const young = given.maxYoungGenerationSizeMb ?? youngOf(Math.max(share, LEAST_MIB))
  const old = Math.max(Math.floor(share - young), LEAST_MIB)
  return { ...given, maxOldGenerationSizeMb: old, maxYoungGenerationSizeMb: young }
}

/** Of a thread's share; never more than V8 would take by itself. */
function youngOf(shareMib: number): number {
  const semiSpace = 2 ** Math.floor(Math.log2((shareMib * SHARE_OF_YOUNG) / SEMI_SPACES))
  return SEMI_SPACES * Math.min(semiSpace, USUAL_SEMI_SPACE_MIB)
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
