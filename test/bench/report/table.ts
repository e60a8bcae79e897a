export type Cells = readonly string[]

/** A table as it is printed and written: the first column names, all others are figures. */
export interface Table {
  readonly title: string
  /** What a reader has to know to read it. */
  readonly notes: readonly string[]
  readonly head: Cells
  readonly rows: readonly Cells[]
}

/** Pads every column to its widest cell; the first column to the left, figures to the right. */
export function align(rows: readonly Cells[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const cell = (text: string, n: number): string =>
    n === 0 ? text.padEnd(widths[n] ?? 0) : text.padStart(widths[n] ?? 0)
  return rows.map((row) => row.map(cell).join('  ')).join('\n')
}

export const terminalTable = ({ title, notes, head, rows }: Table): string =>
  [title, ...notes.map((note) => `  ${note}`), align([head, ...rows])].join('\n')

export function markdownTable({ title, notes, head, rows }: Table): string {
  const line = (cells: Cells): string =>
    `| ${cells.map((c) => c.replaceAll('|', '\\|')).join(' | ')} |`
  const rule = `| --- |${' ---: |'.repeat(head.length - 1)}`
  const table = [line(head), rule, ...rows.map(line)].join('\n')
  return [`### ${title}`, ...notes, table].join('\n\n')
}
