import { closeSync, openSync } from 'node:fs'
import { type AccessLogSettings, TO_STDOUT } from '../shared/access-log.js'
import { fail, type SerializedError, serializeError } from '../shared/errors.js'
import type { StandardOutput, StandardTerms } from '../shared/standard-output.js'
import { LineOutput, type OutputTerms } from '../sync/line-output.js'
import { PendingBytes } from '../sync/pending-bytes.js'
import { duplicateOver } from '../sys/descriptor.js'

/** What this process keeps of what its threads have left, if the disk is full. */
const PENDING_BYTES = 2 ** 20
const LAST_WAIT_MS = 200

/** The access log, as this process has it open: its threads write to it by its descriptor, which stays the same. */
export class AccessLogFile {
  readonly terms: OutputTerms
  readonly #path: string
  readonly #output: LineOutput
  readonly #report: (error: SerializedError) => void

  /** Before the process becomes somebody who may not open it. @throws FT_ERR_ACCESS_LOG */
  constructor(
    { path }: AccessLogSettings,
    { standard, output }: { standard: StandardTerms; output: StandardOutput },
    report: (error: SerializedError) => void,
  ) {
    this.#path = path
    this.#report = report
    if (path === TO_STDOUT) {
      this.terms = standard.stdout
      this.#output = output.stdout
      return
    }
    // Each write goes to the end, whoever has written before, and is one piece.
    this.terms = { fd: open(path), way: 'direct', atomicBytes: 0 }
    this.#output = new LineOutput({
      terms: this.terms,
      pending: PendingBytes.own(PENDING_BYTES),
      patienceMs: 0,
      onLost: (lines, why) => {
        const who = `Child ${process.pid}`
        report(serializeError(fail('FT_ERR_OUTPUT_LOST', [who, 'access log', lines, why])))
      },
    })
  }

  /**
   * The file has been renamed, and its path is to be one anew. The descriptor becomes the new file's in one step: a line goes to
   * one or the other, whole.
   */
  reopen(): void {
    if (this.#path === TO_STDOUT) return
    try {
      const fd = open(this.#path)
      duplicateOver(fd, this.terms.fd)
      closeSync(fd)
    } catch (error) {
      this.#report(serializeError(error))
    }
  }

  /** Writes what a thread that is gone has left. */
  takeOver(pending: SharedArrayBuffer): void {
    this.#output.takeOver(new PendingBytes(pending))
  }

  finish(): void {
    if (this.#path !== TO_STDOUT) this.#output.finish(LAST_WAIT_MS)
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'a')
  } catch (error) {
    const { code = '?' } = error as NodeJS.ErrnoException
    throw fail('FT_ERR_ACCESS_LOG', [path, `${code}, as uid ${process.getuid?.()}`], error)
  }
}
