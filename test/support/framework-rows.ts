import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { tableRows } from './doc-table.js'

/** Test files that run rows of "Which runs how" in docs/programs.md. */
export const ROW_FILES = ['program-examples', 'frameworks'] as const

export interface Row {
  /** What, and how, as in `Express: app.listen()`. */
  readonly name: string
  /** The test file that the table names. */
  readonly file: string
}

export const frameworkRows: readonly Row[] = tableRows('programs.md', 'Which runs how').map(
  ([what = '', how = '', , file = '']) => ({
    name: `${what}: ${how}`.replaceAll('`', ''),
    file: file.replaceAll('`', ''),
  }),
)

/** A test for each row that names this file: one without a case fails, and so does a case without a row. */
export function testRows(
  file: (typeof ROW_FILES)[number],
  cases: Readonly<Record<string, () => Promise<void>>>,
): void {
  const names = frameworkRows.flatMap((row) => (row.file === file ? [row.name] : []))
  assert.equal(names, Object.keys(cases), `rows of docs/programs.md that ${file} runs`)
  for (const [name, run] of Object.entries(cases)) test(name, run)
}
