import { ForkthreadError } from '../../shared/errors.js'
import type { Tally } from '../../shared/measures.js'
import type { PoolEvent } from '../../shared/stats.js'

/** Who reads what has happened sees so many of the latest. */
const MOST_EVENTS = 100
/** A handler that fails each time must not drive out what else has happened. */
const MOST_ERRORS = 20
const MOST_TEXT = 300

export type Level = 'process' | 'thread'

/**
 * What has happened to the pool: how often, for metrics, and the latest of it in words, for the page. In the parent, so it outlives whom it is
 * about.
 */
export class Chronicle {
  readonly #events: PoolEvent[] = []
  readonly #deaths = new Counts([
    ...['SIGKILL', 'SIGSEGV', 'exit', 'exit_with_error', 'stuck'].map(ofProcess),
    ...['exception', 'exit', 'blocked', 'out_of_memory'].map(ofThread),
  ])
  readonly #recyclings = new Counts([
    ...['lifetime', 'rss'].map(ofProcess),
    ...['requests', 'heap'].map(ofThread),
  ])
  readonly #starts = new Counts([{ level: 'process' }, { level: 'thread' }])
  readonly #reloads = new Counts([{ result: 'done' }, { result: 'failed' }])

  /** The oldest first. */
  get events(): readonly PoolEvent[] {
    return this.#events
  }

  get deaths(): readonly Tally[] {
    return this.#deaths.all
  }

  get recyclings(): readonly Tally[] {
    return this.#recyclings.all
  }

  get starts(): readonly Tally[] {
    return this.#starts.all
  }

  get reloads(): readonly Tally[] {
    return this.#reloads.all
  }

  started(level: Level): void {
    this.#starts.add({ level })
  }

  decided(action: string, reason: string): void {
    this.#note('decision', `${action}: ${reason}`)
    // The reason names the option whose limit was reached.
    const [, option] = /\brecycle(Requests|Lifetime|Rss|Heap) is\b/.exec(reason) ?? []
    if (option === undefined) return
    const level = action.includes('recycle thread') ? 'thread' : 'process'
    this.#recyclings.add({ level, cause: option.toLowerCase() })
  }

  processDied(cause: string): void {
    this.#deaths.add({ level: 'process', cause })
  }

  reloaded(result: 'done' | 'failed', generation: number, step: string): void {
    this.#reloads.add({ result })
    this.#note('reload', `reload ${generation} ${result}: ${step}`)
  }

  /** An error that was survived; the death of a thread is one. */
  reported(error: Error): void {
    const code = error instanceof ForkthreadError ? error.code : undefined
    if (code === 'FT_ERR_THREAD_DIED')
      this.#deaths.add({ level: 'thread', cause: causeOf(error.cause) })
    const isDeath = code === 'FT_ERR_THREAD_DIED' || code === 'FT_ERR_CHILD_DIED'
    this.#note(isDeath ? 'death' : 'error', firstLine(error.message))
  }

  #forgetErrors(): void {
    const errors = this.#events.filter((event) => event.kind === 'error')
    const oldest = errors[0]
    if (errors.length > MOST_ERRORS && oldest !== undefined)
      this.#events.splice(this.#events.indexOf(oldest), 1)
  }

  #note(kind: PoolEvent['kind'], text: string): void {
    this.#events.push({ at: Date.now(), kind, text: text.slice(0, MOST_TEXT) })
    if (kind === 'error') this.#forgetErrors()
    if (this.#events.length > MOST_EVENTS) this.#events.shift()
  }
}

/** What a child has ended of that was not to end. */
export function causeOfDeath(
  killedFor: Error | undefined,
  { signal, code }: { readonly signal: string | null; readonly code: number | null },
): string {
  const known = killedFor instanceof ForkthreadError ? KNOWN[killedFor.code] : undefined
  return known ?? signal ?? (code === 0 ? 'exit' : 'exit_with_error')
}

const KNOWN: Readonly<Record<string, string>> = {
  FT_ERR_CHILD_STUCK: 'stuck',
  FT_ERR_CHILD_CHANNEL: 'channel',
  FT_ERR_START_TIMEOUT: 'start_timeout',
  FT_ERR_THREAD_BLOCKED: 'blocked',
  FT_ERR_THREAD_EXIT: 'exit',
  ERR_WORKER_OUT_OF_MEMORY: 'out_of_memory',
}

/** Of a thread. */
function causeOf(error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown }
  return (typeof code === 'string' ? KNOWN[code] : undefined) ?? 'exception'
}

/** What follows may be a stack. */
function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}

type Labels = Readonly<Record<string, string>>

function ofProcess(cause: string): Labels {
  return { level: 'process', cause }
}

function ofThread(cause: string): Labels {
  return { level: 'thread', cause }
}

class Counts {
  readonly #counts = new Map<string, { labels: Labels; count: number }>()

  /** `usual` labels are there from the beginning: where a counter appears with its first 1, no rate shows that one. */
  constructor(usual: readonly Labels[]) {
    for (const labels of usual) this.#counts.set(JSON.stringify(labels), { labels, count: 0 })
  }

  get all(): readonly Tally[] {
    return [...this.#counts.values()]
  }

  add(labels: Labels): void {
    const key = JSON.stringify(labels)
    const counted = this.#counts.get(key)
    if (counted === undefined) this.#counts.set(key, { labels, count: 1 })
    else counted.count++
  }
}
