import { emitKeypressEvents } from 'node:readline'
import type { Size } from '../../admin/status-text.js'
import { type Line, painted } from '../../admin/terminal-line.js'
import type { Key } from './press.js'

const ESC = '\x1b['
/** The other screen, so that what was there before is there again at the end; no cursor; lines that are cut at the edge; marks around what is pasted. */
const ENTER = `${ESC}?1049h${ESC}?25l${ESC}?7l${ESC}?2004h${ESC}2J`
const LEAVE = `${ESC}?2004l${ESC}?7h${ESC}?25h${ESC}?1049l`
/** Terminals that know it show what is between the two at once. */
const BEGIN = `${ESC}?2026h`
const END = `${ESC}?2026l`

/**
 * The terminal while it is drawn on: entered and left as often as one likes, and left in the end however the process ends, short of a `KILL`.
 */
export class Screen {
  readonly #onKey: (key: Key) => void
  /** What is there now. */
  #drawn: readonly string[] = []
  #isEntered = false
  #isPasted = false
  /** What somebody pastes by mistake is no order. */
  readonly #hear = (_: string | undefined, key: Key): void => {
    if (key.name === 'paste-start') this.#isPasted = true
    else if (key.name === 'paste-end') this.#isPasted = false
    else if (!this.#isPasted) this.#onKey(key)
  }
  readonly #leave = (): void => this.leave()

  constructor(onKey: (key: Key) => void) {
    this.#onKey = onKey
    process.on('exit', this.#leave)
    // Before Node prints the error, which would be lost with the other screen.
    process.on('uncaughtExceptionMonitor', this.#leave)
  }

  get size(): Size {
    return { rows: process.stdout.rows, columns: process.stdout.columns }
  }

  enter(): void {
    if (this.#isEntered) return
    this.#isEntered = true
    this.#drawn = []
    const { stdin } = process
    if (stdin.isTTY) {
      emitKeypressEvents(stdin)
      stdin.setRawMode(true)
      stdin.on('keypress', this.#hear)
      stdin.resume()
    }
    process.stdout.write(ENTER)
  }

  leave(): void {
    if (!this.#isEntered) return
    this.#isEntered = false
    const { stdin } = process
    if (stdin.isTTY) {
      stdin.off('keypress', this.#hear)
      // The terminal itself may be gone.
      try {
        stdin.setRawMode(false)
      } catch {}
      stdin.pause()
    }
    process.stdout.write(LEAVE)
  }

  /** Writes what differs from what is there. */
  draw(lines: readonly Line[]): void {
    if (!this.#isEntered) return
    const wanted = lines.map(painted)
    // A line is cleared before it is written: behind its last column there is no place to clear from.
    const changes = wanted.map((text, row) =>
      text === this.#drawn[row] ? '' : `${ESC}${row + 1};1H${ESC}2K${text}`,
    )
    const rest = wanted.length < this.#drawn.length ? `${ESC}${wanted.length + 1};1H${ESC}J` : ''
    this.#drawn = wanted
    const all = changes.join('') + rest
    if (all !== '') process.stdout.write(BEGIN + all + END)
  }

  /** The next one draws all: the size has changed, or others have written there. */
  forget(): void {
    if (this.#isEntered) process.stdout.write(`${ESC}2J`)
    this.#drawn = []
  }
}
