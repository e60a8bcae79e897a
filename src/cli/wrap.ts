/** Where nobody says how wide the terminal is. */
const USUAL_COLUMNS = 80
/** A text that is broken more narrowly can't be read. */
const FEWEST_COLUMNS = 24

/** Columns that standard output has. */
export function terminalColumns(): number {
  const { isTTY, columns } = process.stdout
  return isTTY && columns > 0 ? columns : USUAL_COLUMNS
}

/** Two columns, the second one broken at spaces so that no line is wider than `columns`, where words allow that. */
export function twoColumns(
  rows: readonly (readonly [string, string])[],
  columns: number,
  style: (text: string) => string = (text) => text,
): string[] {
  const widest = Math.max(...rows.map(([first]) => first.length)) + 2
  // A long flag has a line of its own rather than half of each line for all the others.
  const width = Math.min(widest, Math.max(16, Math.floor(columns * 0.4)))
  const room = Math.max(columns - width - 2, FEWEST_COLUMNS)
  return rows.flatMap(([first, second]) => {
    const lines = wrap(second, room)
    const indent = ' '.repeat(width + 2)
    const isOverlong = first.length + 2 > width
    const head = isOverlong ? [`  ${first}`] : []
    const rest = lines.map((line, index) =>
      index === 0 && !isOverlong ? `  ${first.padEnd(width)}${style(line)}` : indent + style(line),
    )
    return [...head, ...rest]
  })
}

export function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
