import { LETTERS } from '../../admin/process-lines.js'
import type { Line } from '../../admin/terminal-line.js'
import { SORTS } from './state.js'

const KEYS: readonly (readonly [string, string])[] = [
  ['↑ ↓', 'choose a process, or a thread of an open one'],
  ['Enter', 'open the process: what each of its threads does'],
  ['s', `sort by ${SORTS.join(', ')}`],
  ['d  u', 'drain: /ready says 503, the pool serves; undrain'],
  ['+  -', 'a process more; a process less'],
  ['k', 'kill the chosen thread, or the longest busy one'],
  ['r', 'reload: new code, process by process'],
  ['p  q', 'pause; quit'],
]

/** What the keys do, and the letters say: ten lines of sixty columns hold it. */
export function helpLines(rows: number): Line[] {
  const keys = KEYS.map(([key, meaning]): Line => {
    return [{ text: `   ${key.padEnd(8)}`, look: 'key' }, meaning]
  })
  const letters = (from: number, to: number): Line => [
    '   ',
    ...LETTERS.slice(from, to).flatMap(([letter, meaning]): Line => {
      return [
        { text: letter, look: 'strong' },
        { text: ` ${meaning}  `, look: 'dim' },
      ]
    }),
  ]
  const air: Line[] = rows < keys.length + 4 ? [] : [[]]
  return [
    ...air,
    ...keys,
    ...air,
    letters(0, 4),
    [...letters(4, 7), { text: 'red: for over 1s', look: 'bad' }],
  ]
}
