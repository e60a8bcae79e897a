import { exitImmediately, LineOutput, type OutputTerms, openOutput } from '../sync/line-output.js'
import { PendingBytes } from '../sync/pending-bytes.js'

/** Standard output and standard error. */
export type StandardName = 'stdout' | 'stderr'

export const STANDARD_NAMES = ['stdout', 'stderr'] as const

export type StandardTerms = Readonly<Record<StandardName, OutputTerms>>

/** What a thread has yet to write, for its child to write when it is gone. */
export type StandardPending = Readonly<Record<StandardName, SharedArrayBuffer>>

/** Told how many lines were lost, and of what. */
export type OnLost = (name: StandardName, lines: number, why: string) => void

/** The main thread of a process turns its event loop and so need not wait for readers: it keeps more instead. */
const MAIN_PENDING_BYTES = 2 ** 21
/** For how long the end of a process waits for readers. */
const LAST_WAIT_MS = 200

/** What waits of one worker thread's lines while nobody reads, for each stream. */
const THREAD_PENDING_BYTES = 2 ** 18
/** A thread may be about to block its event loop, so it waits a little for a reader who is slow. */
const THREAD_PATIENCE_MS = 500

/** Standard output and error of a process, written as lines that never fail. */
export type StandardOutput = Readonly<Record<StandardName, LineOutput>>

/** Where this process writes its own lines. */
let stderr: LineOutput | undefined

export function standardTerms(): StandardTerms {
  return { stdout: openOutput(1), stderr: openOutput(2) }
}

/**
 * From now on what the main thread of this process prints, whoever does it, can't fail: what can't be written is kept for a while, then
 * dropped and counted. The end of the process waits a moment for those who read.
 */
export function guardMain(terms: StandardTerms, onLost: OnLost): StandardOutput {
  const outputs = make('', (name) => ({
    terms: terms[name],
    pending: PendingBytes.own(MAIN_PENDING_BYTES),
    patienceMs: 0,
    onLost: (lines, why) => onLost(name, lines, why),
  }))
  stderr = outputs.stderr
  process.on('exit', (status) => {
    finish(outputs)
    // Node would set the terminal's modes back, and abort because it can't (20 to 26).
    if (outputs.stdout.isHungUp || outputs.stderr.isHungUp) exitImmediately(status)
  })
  return outputs
}

/** The last try, for a process that ends without telling those who listen for its exit. */
export function finish(outputs: StandardOutput): void {
  for (const name of STANDARD_NAMES) outputs[name].finish(LAST_WAIT_MS)
}

export function threadPending(): StandardPending {
  return {
    stdout: PendingBytes.shared(THREAD_PENDING_BYTES),
    stderr: PendingBytes.shared(THREAD_PENDING_BYTES),
  }
}

/**
 * From now on a worker thread's console and standard streams write for themselves. Node would send each line as a message for the
 * child's main thread to write: a thread that is terminated takes along what it has sent and what was not read yet.
 */
export function guardThread(
  terms: StandardTerms,
  pending: StandardPending,
  prefix: string,
  onLost: OnLost,
): void {
  make(prefix, (name) => ({
    terms: terms[name],
    pending: new PendingBytes(pending[name]),
    patienceMs: THREAD_PATIENCE_MS,
    onLost: (lines, why) => onLost(name, lines, why),
  }))
}

/** Writes what a thread that is gone has left. */
export function takeOver(outputs: StandardOutput, pending: StandardPending): void {
  for (const name of STANDARD_NAMES) outputs[name].takeOver(new PendingBytes(pending[name]))
}

function make(
  prefix: string,
  options: (name: StandardName) => ConstructorParameters<typeof LineOutput>[0],
): StandardOutput {
  const [stdout, stderr] = STANDARD_NAMES.map((name) => {
    const output = new LineOutput(options(name))
    divert(process[name], prefix === '' ? output : prefixed(output, prefix))
    return output
  }) as [LineOutput, LineOutput]
  return { stdout, stderr }
}

/** Puts the prefix in front of each line. */
function prefixed(output: LineOutput, prefix: string): Pick<LineOutput, 'write'> {
  let isLineBegun = false
  return {
    write: (bytes) => {
      // Byte by character, so that no character of two chunks is broken.
      const text = Buffer.from(bytes).toString('latin1')
      if (text === '') return
      const lines = text.replace(/(?<=\n)(?!$)/g, prefix)
      output.write(Buffer.from(isLineBegun ? lines : prefix + lines, 'latin1'))
      isLineBegun = !text.endsWith('\n')
    },
  }
}

interface Chunk {
  readonly chunk: string | Uint8Array
  readonly encoding: BufferEncoding
}

/**
 * The stream stays what it is (a terminal has its colours and columns), but for what it does with its bytes. User code may hold it
 * already, so it can't be replaced by another.
 */
function divert(stream: NodeJS.WriteStream, output: Pick<LineOutput, 'write'>): void {
  const put = ({ chunk, encoding }: Chunk): void =>
    output.write(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk)
  stream._write = (chunk: Chunk['chunk'], encoding: BufferEncoding, done: () => void): void => {
    put({ chunk, encoding })
    done()
  }
  stream._writev = (chunks: Chunk[], done: () => void): void => {
    for (const chunk of chunks) put(chunk)
    done()
  }
  // Of what was written before, and of whatever else may fail.
  stream.on('error', () => undefined)
}

export function isTerminal(name: StandardName): boolean {
  return process[name].isTTY
}

/** Whole lines on standard error, also in a program whose streams are not ours to change. */
export function writeStderr(lines: string): void {
  stderr ??= new LineOutput({
    terms: openOutput(2),
    pending: PendingBytes.own(MAIN_PENDING_BYTES),
    patienceMs: 0,
    onLost: (lost, why) => writeStderr(`forkthread: ${lost} lines of this were lost (${why})\n`),
  })
  stderr.write(Buffer.from(lines))
}
