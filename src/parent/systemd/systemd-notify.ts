import { sendDatagram } from '../../sys/datagram.js'
import { systemErrorName } from '../../sys/libc.js'
import type { SocketAddress } from '../../sys/sockaddr.js'
import type { Environment } from './systemd-environment.js'

/** What the service manager can be told, sd_notify(3). Several in one go are one message. */
export interface Notice {
  /** The service serves; also after a reload. */
  readonly ready?: true
  /** A reload begins; `ready` ends it. */
  readonly reloading?: true
  /** The service is about to end. */
  readonly stopping?: true
  /** The pid of the process that is the service from now on. It must be told by the one that was so far. */
  readonly mainPid?: number
  /** A line for people, shown by `systemctl status`. */
  readonly status?: string
}

/** When the queue of the service manager is full, which it may be while it restarts itself. */
const AGAIN_MS = 50
/** Beyond, the oldest are lost: nobody has listened for long. */
const MOST_WAITING = 64

/**
 * Speaks to systemd, or to whoever else has set NOTIFY_SOCKET; without that it says nothing. Messages go out in order. One that
 * can't be delivered is reported, once, and changes nothing for the pool.
 */
export class SystemdNotify {
  readonly #address: (SocketAddress & { family: 'unix' | 'abstract' }) | undefined
  readonly #report: (error: Error) => void
  readonly #watchdogMs: number
  readonly #waiting: string[] = []
  #again: NodeJS.Timeout | undefined
  #watchdog: NodeJS.Timeout | undefined
  #hasFailed = false

  constructor(environment: Environment, pid: number, report: (error: Error) => void) {
    this.#address = socketOf(environment.NOTIFY_SOCKET)
    this.#watchdogMs = this.#address === undefined ? 0 : watchdogMs(environment, pid)
    this.#report = report
  }

  notify({ ready, reloading, stopping, mainPid, status }: Notice): void {
    const lines: string[] = []
    if (reloading) lines.push('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`)
    if (ready) lines.push('READY=1')
    if (stopping) lines.push('STOPPING=1')
    // The new process's first sign of life may come half an interval later, and the last one of this one was as long ago.
    if (mainPid !== undefined) lines.push(`MAINPID=${mainPid}`, 'WATCHDOG=1')
    // A line break would begin another assignment.
    if (status !== undefined) lines.push(`STATUS=${status.replaceAll(/\s+/g, ' ')}`)
    this.#send(lines.join('\n'))
  }

  /**
   * Feeds the watchdog, if the unit asks for one, twice in its interval and only while `isAble` says so; else systemd restarts
   * the service. `isAble` gets the interval.
   */
  startWatchdog(isAble: (intervalMs: number) => boolean): void {
    if (this.#watchdogMs === 0) return
    this.#watchdog = setInterval(() => {
      // A queue that stays full must not fill up with old signs of life.
      if (this.#waiting.length === 0 && isAble(this.#watchdogMs)) this.#send('WATCHDOG=1')
    }, this.#watchdogMs / 2)
    // Never what keeps a program alive.
    this.#watchdog.unref()
  }

  /** Sends nothing more, also not what waits. */
  close(): void {
    clearInterval(this.#watchdog)
    clearTimeout(this.#again)
    this.#waiting.length = 0
  }

  #send(message: string): void {
    if (this.#address === undefined) return
    this.#waiting.push(message)
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift()
    if (this.#again === undefined) this.#flush()
  }

  #flush(): void {
    this.#again = undefined
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#address === undefined) return
      try {
        sendDatagram(this.#address, next)
      } catch (error) {
        if (systemErrorName(error) === 'EAGAIN') {
          this.#again = setTimeout(() => this.#flush(), AGAIN_MS)
          this.#again.unref()
          return
        }
        if (!this.#hasFailed) this.#report(error as Error)
        this.#hasFailed = true
      }
      this.#waiting.shift()
    }
  }
}

/** A path, or with @ an abstract name. Other forms (vsock) come from managers of virtual machines, which are not spoken to. */
function socketOf(given = ''): (SocketAddress & { family: 'unix' | 'abstract' }) | undefined {
  if (given.startsWith('/')) return { family: 'unix', path: given }
  if (given.startsWith('@')) return { family: 'abstract', name: given.slice(1) }
  return undefined
}

/** 0 without a watchdog, or with one that waits for another process (sd_watchdog_enabled(3)). */
function watchdogMs({ WATCHDOG_PID, WATCHDOG_USEC }: Environment, pid: number): number {
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== String(pid)) return 0
  return /^\d{1,15}$/.test(WATCHDOG_USEC ?? '') ? Number(WATCHDOG_USEC) / 1000 : 0
}
