import { createRequire } from 'node:module'
import type * as Pino from 'pino'
import type { Logger } from '../../shared/logger.js'
import { writeStderr } from '../../shared/standard-output.js'

type Method = 'debug' | 'info' | 'warn' | 'error'
type Fields = Readonly<Record<string, unknown>>

/** A pool that takes longer to start tells all the same what it does. */
const HELD_AT_MOST_MS = 1000

const load = createRequire(import.meta.url)

/**
 * Lines in pino's form. Pino takes longer to load than a process to fork, and the first lines of a pool come before its children do: so those
 * of a start wait, each with its time, until the pool serves, something is wrong, the process exits, or a second is over.
 */
export class JsonLog implements Logger {
  #level: string
  #pino: Pino.Logger | undefined
  #held: (() => void)[] = []
  /** Of the line that is being written. */
  #time = 0

  constructor(level: string) {
    this.#level = level
  }

  get level(): string {
    return this.#level
  }

  set level(level: string) {
    this.#level = level
    if (this.#pino !== undefined) this.#pino.level = level
  }

  debug(fields: Fields, message: string): void {
    this.#write('debug', fields, message)
  }

  info(fields: Fields, message: string): void {
    this.#write('info', fields, message)
  }

  warn(fields: Fields, message: string): void {
    this.#write('warn', fields, message)
    this.open()
  }

  error(fields: Fields, message: string): void {
    this.#write('error', fields, message)
    this.open()
  }

  /** No line waits any more. */
  readonly open = (): void => {
    process.off('exit', this.open)
    if (this.#pino === undefined) {
      const { pino } = load('pino') as typeof Pino
      // Each line says itself whose pid it is about. And it is written without waiting for whoever reads it.
      this.#pino = pino(
        {
          base: { name: 'forkthread' },
          level: this.#level,
          timestamp: () => `,"time":${this.#time}`,
        },
        { write: writeStderr },
      )
    }
    for (const write of this.#held.splice(0)) write()
  }

  #write(method: Method, fields: Fields, message: string): void {
    const time = Date.now()
    const write = (): void => {
      this.#time = time
      this.#pino?.[method](fields, message)
    }
    if (this.#pino !== undefined) write()
    else if (this.#held.push(write) === 1) {
      process.once('exit', this.open)
      setTimeout(this.open, HELD_AT_MOST_MS).unref()
    }
  }
}
