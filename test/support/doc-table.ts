import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from './paths.js'

/** Rows of the first table under a heading of a page in docs, each as its cells, as they stand there. */
export function tableRows(page: string, heading: string): readonly (readonly string[])[] {
  const text = readFileSync(join(packageRoot, 'docs', page), 'utf8')
  const [, section = ''] = text.split(`\n## ${heading}\n`)
  const [, table = ''] = /\n(\|[\s\S]*?)\n\n/.exec(`${section}\n\n`) ?? []
  const rows = table.split('\n').map((line) => line.slice(1, -1).split('|'))
  // Below the names of the columns, and the line under them.
  return rows.slice(2).map((cells) => cells.map((cell) => cell.trim()))
}
