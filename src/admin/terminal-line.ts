import {
  bgBlue,
  bgCyan,
  bgGreen,
  bgMagenta,
  bgRed,
  bgWhite,
  bgYellow,
  black,
  blue,
  bold,
  cyan,
  dim,
  green,
  inverse,
  red,
  white,
  yellow,
} from 'kleur/colors'
import { columnsOf, cut, plainText } from '../shared/plain-text.js'

/** How a piece looks; what it means says its name. */
const LOOKS = {
  dim,
  strong: bold,
  good: green,
  warn: yellow,
  bad: (text: string) => bold(red(text)),
  one: cyan,
  two: yellow,
  title: (text: string) => bold(inverse(text)),
  key: (text: string) => bold(cyan(text)),
  chosen: (text: string) => bold(cyan(text)),
  idle: (text: string) => bgGreen(black(text)),
  keep: (text: string) => bgBlue(white(text)),
  read: (text: string) => bgCyan(black(text)),
  write: (text: string) => bgYellow(black(text)),
  late: (text: string) => bgRed(bold(white(text))),
  start: (text: string) => bgMagenta(white(text)),
  leave: (text: string) => bgWhite(black(text)),
  mark: blue,
} as const

export type Look = keyof typeof LOOKS

export interface Piece {
  readonly text: string
  readonly look?: Look
}

/** One line on a terminal, without what ends it. */
export type Line = readonly (Piece | string)[]

/** Whatever a line shows goes through here: it steers nothing, and no line is wider than `columns`. */
export function fit(line: Line, columns: number): Line {
  const kept: Piece[] = []
  let room = columns
  for (const piece of line) {
    const { text, look } = typeof piece === 'string' ? { text: piece } : piece
    const whole = plainText(text)
    const part = cut(whole, room)
    kept.push({ text: part, ...(look === undefined ? {} : { look }) })
    if (part !== whole) break
    room -= columnsOf(part)
  }
  return kept
}

/** The line as text. */
export function textOf(line: Line): string {
  return line.map((piece) => (typeof piece === 'string' ? piece : piece.text)).join('')
}

/** The line with its colours, where standard output has some. */
export function painted(line: Line): string {
  return line
    .map((piece) => {
      if (typeof piece === 'string') return piece
      return piece.look === undefined ? piece.text : LOOKS[piece.look](piece.text)
    })
    .join('')
}

export function widthOf(line: Line): number {
  return columnsOf(textOf(line))
}

/** Filled up with spaces. */
export function padded(line: Line, columns: number): Line {
  const missing = columns - widthOf(line)
  return missing > 0 ? [...line, ' '.repeat(missing)] : line
}

/** One part at the left and the other at the right; the left one gives way. */
export function spread(left: Line, right: Line, columns: number): Line {
  const end = fit(right, columns)
  const room = Math.max(columns - widthOf(end) - 1, 0)
  return widthOf(end) === 0
    ? fit(left, columns)
    : [...padded(fit(left, room), columns - widthOf(end)), ...end]
}
