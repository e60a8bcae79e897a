import type { Socket } from 'node:net'

/** What Node's timers keep: when they were last begun, on a clock of the thread's own, in ms. */
interface BegunTimer {
  readonly _idleStart?: unknown
}

/**
 * How long connections have been without a byte in either direction, by the timer that Node's server has on each of them for its own time-outs
 * (20 to 26): to note it for each request would cost all of them, and this is only asked when a thread leaves.
 */
export class IdleTime {
  readonly #begunAt = performance.now()
  readonly #begun = new WeakMap<Socket, number>()
  #timer: symbol | undefined

  /** It has come since. */
  begins(socket: Socket): void {
    this.#begun.set(socket, performance.now())
  }

  /** In ms. Without a timer on it (the app has no time-outs, or it has had no request here) it counts from when this was made. */
  of(socket: Socket, now: number | undefined): number {
    this.#timer ??= Object.getOwnPropertySymbols(socket).find(
      ({ description }) => description === 'timeout',
    )
    const timer =
      this.#timer === undefined
        ? undefined
        : (socket as unknown as Record<symbol, BegunTimer | null | undefined>)[this.#timer]
    const since = timer?._idleStart
    if (typeof since === 'number' && now !== undefined) return Math.max(0, now - since)
    return performance.now() - (this.#begun.get(socket) ?? this.#begunAt)
  }
}

/** Now, on the clock of the timers. */
export function timerClock(): number | undefined {
  const probe = setTimeout(() => undefined, 1)
  const { _idleStart: now } = probe as BegunTimer
  clearTimeout(probe)
  return typeof now === 'number' ? now : undefined
}
