import { columnsOf } from '#dist/shared/plain-text.js'

const ESC = String.fromCharCode(27)
const SEQUENCE = new RegExp(`(${ESC}\\[[\\d;?]*[A-Za-z])`)
const PARTS = new RegExp(`^${ESC}\\[([\\d;?]*)([A-Za-z])$`)
const UNFINISHED = new RegExp(`${ESC}(\\[[\\d;?]*)?$`)

/**
 * What a person sees of a program that draws on a terminal: as much of one as `forkthread top` uses. Whatever else comes is noted as strange, so
 * that nothing steers the terminal unseen.
 */
export class Screen {
  /** On the usual screen, from the beginning. */
  main = ''
  isAlternate = false
  isCursorVisible = true
  wraps = true
  hasColours = false
  readonly strange: string[] = []
  /** Lines that were wider than the terminal at the time. */
  readonly wide: string[] = []
  columns: number
  rows: number
  #lines: string[] = []
  #row = 0
  #rest = ''

  constructor(columns: number, rows: number) {
    this.columns = columns
    this.rows = rows
  }

  get text(): string {
    return this.#lines.join('\n')
  }

  feed(text: string): void {
    const all = this.#rest + text
    // A sequence that is not whole yet comes with the next piece.
    const end = all.search(UNFINISHED)
    this.#rest = end < 0 ? '' : all.slice(end)
    for (const part of (end < 0 ? all : all.slice(0, end)).split(SEQUENCE)) {
      const [, argument, letter] = PARTS.exec(part) ?? []
      if (letter === undefined) this.#print(part)
      else this.#obey(argument ?? '', letter, part)
    }
  }

  #print(text: string): void {
    if (text === '') return
    if (!this.isAlternate) {
      this.main += text
      return
    }
    if (/[\p{Cc}\p{Cf}]/u.test(text)) this.strange.push(text)
    const line = (this.#lines[this.#row] ?? '') + text
    this.#lines[this.#row] = line
    if (columnsOf(line) > this.columns || this.#row >= this.rows) this.wide.push(line)
  }

  #obey(argument: string, letter: string, part: string): void {
    const isOn = letter === 'h'
    switch (/[hl]/.test(letter) ? argument : letter) {
      case 'm':
        this.hasColours = true
        return
      case 'H':
        this.#row = Number(argument.split(';')[0]) - 1
        return
      case 'K':
        this.#lines[this.#row] = ''
        return
      case 'J':
        if (argument === '2') this.#lines = []
        else this.#lines.length = Math.min(this.#lines.length, this.#row)
        return
      case '?1049':
        this.isAlternate = isOn
        this.#lines = []
        return
      case '?25':
        this.isCursorVisible = isOn
        return
      case '?7':
        this.wraps = isOn
        return
      case '?2004':
      case '?2026':
        return
      default:
        this.strange.push(part)
    }
  }
}
