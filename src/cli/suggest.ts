/** What people type who know other programs of this kind, and what they mean. */
const SYNONYMS: Readonly<Record<string, string>> = {
  restart: 'reload',
  'graceful-reload': 'reload',
  start: './app.js',
  serve: './app.js',
  run: './app.js',
  kill: 'stop',
  quit: 'stop',
  shutdown: 'stop',
  delete: 'stop',
  ls: 'status',
  list: 'status',
  ps: 'status',
  stats: 'status',
  monit: 'top',
  help: '--help',
  version: '--version',
}

/** A shorter beginning is no hint. */
const LEAST_LETTERS = 3

/** What was probably meant by `word`, of what there is. */
export function suggest(word: string, known: readonly string[]): string | undefined {
  const synonym = SYNONYMS[word]
  if (synonym !== undefined) return synonym
  // The beginning of a single one, as in --procs.
  const begun = known.filter((name) => name.startsWith(word.replace(/s$/, '')))
  if (word.length >= LEAST_LETTERS && begun.length === 1) return begun[0]
  let best: { readonly name: string; readonly distance: number } | undefined
  for (const name of known) {
    const distance = editDistance(word, name)
    if (best === undefined || distance < best.distance) best = { name, distance }
  }
  // Further away it is another word.
  return best !== undefined && best.distance <= Math.max(1, Math.floor(word.length / 3))
    ? best.name
    : undefined
}

/** Letters to insert, remove, replace or swap with their neighbour (Damerau and Levenshtein, each pair at most once). */
function editDistance(one: string, other: string): number {
  const rows = [Array.from({ length: other.length + 1 }, (_, column) => column)]
  const at = (row: number, column: number): number => rows[row]?.[column] ?? 0
  for (let row = 1; row <= one.length; row++) {
    const distances = [row]
    rows.push(distances)
    for (let column = 1; column <= other.length; column++) {
      const isSame = one[row - 1] === other[column - 1]
      const isSwap = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]
      const costs = [
        at(row - 1, column) + 1,
        (distances[column - 1] ?? 0) + 1,
        at(row - 1, column - 1) + (isSame ? 0 : 1),
      ]
      if (row > 1 && column > 1 && isSwap) costs.push(at(row - 2, column - 2) + 1)
      distances.push(Math.min(...costs))
    }
  }
  return at(one.length, other.length)
}
