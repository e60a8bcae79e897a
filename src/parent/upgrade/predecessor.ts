import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { serializeError } from '../../shared/errors.js'
import { closeDescriptor, setCloseOnExec } from '../../sys/descriptor.js'
import { type HandedOver, parseHandedOver, UPGRADE_VARIABLE } from './handed-over.js'

/** The parent whose listeners this one takes over: the new side of an upgrade. */
export class Predecessor {
  readonly pid: number
  readonly pidFile: string | undefined
  readonly #listeners: HandedOver['listeners']
  readonly #channel: Socket
  readonly #taken: number[] = []
  #passOn: number | undefined
  #ticketKeys: number | undefined
  #counts: number | undefined
  #transfer: HandedOver['transfer']
  #receives = false

  private constructor({
    channel,
    listeners,
    passOn,
    ticketKeys,
    counts,
    transfer,
    pid,
    pidFile,
  }: HandedOver) {
    this.pid = pid
    this.pidFile = pidFile
    this.#listeners = [...listeners]
    this.#passOn = passOn
    this.#ticketKeys = ticketKeys
    this.#counts = counts
    this.#transfer = transfer
    // They came without this flag, and the children have theirs by other numbers.
    for (const { fd } of listeners) setCloseOnExec(fd)
    for (const one of [passOn, ticketKeys, counts]) if (one !== undefined) setCloseOnExec(one)
    for (const end of Object.values(transfer ?? {})) setCloseOnExec(end)
    setCloseOnExec(channel)
    this.#channel = new Socket({ fd: channel })
    // The old parent may have died. Then there is nobody to tell, and all the more reason to go on.
    this.#channel.on('error', () => undefined)
    this.#channel.unref()
    // Only a socket that is read from notices its end.
    this.#channel.resume()
  }

  /** Once in the life of a process; the first pool takes over. Nothing that this process starts is to find the variable. */
  static find(): Predecessor | undefined {
    const text = process.env[UPGRADE_VARIABLE]
    if (text === undefined) return undefined
    delete process.env[UPGRADE_VARIABLE]
    return new Predecessor(parseHandedOver(text))
  }

  /** Where the old parent serves, as the option `listen` takes it: for a new one that was not told. */
  get addresses(): string[] {
    const served = this.#listeners.filter(({ serves }) => serves)
    return served.map(({ origin }) => origin.replace(/^port /, ''))
  }

  /** Up to `most` of the listeners that the old parent called so; they are the caller's now. */
  takeListeners(
    isWanted: (origin: string) => boolean,
    most = Number.POSITIVE_INFINITY,
  ): HandedOver['listeners'] {
    const taken = this.#listeners.filter(({ origin }) => isWanted(origin)).slice(0, most)
    for (const listener of taken) {
      this.#listeners.splice(this.#listeners.indexOf(listener), 1)
      this.#taken.push(listener.fd)
    }
    return taken
  }

  takePassOn(): number | undefined {
    const fd = this.#passOn
    this.#passOn = undefined
    return fd
  }

  takeTicketKeys(): number | undefined {
    const fd = this.#ticketKeys
    this.#ticketKeys = undefined
    return fd
  }

  takeCounts(): number | undefined {
    const fd = this.#counts
    this.#counts = undefined
    return fd
  }

  takeTransfer(): HandedOver['transfer'] {
    const ends = this.#transfer
    this.#transfer = undefined
    this.#receives = ends !== undefined
    return ends
  }

  /** Closes what was not taken: addresses at which this parent does not listen. */
  closeRest(): void {
    for (const { fd } of this.#listeners.splice(0)) closeDescriptor(fd)
    for (const fd of [this.takePassOn(), this.takeTicketKeys(), this.takeCounts()])
      if (fd !== undefined) closeDescriptor(fd)
    for (const end of Object.values(this.#transfer ?? {})) closeDescriptor(end)
    this.#transfer = undefined
  }

  /** The start has succeeded: the old parent watches for a moment, and begins to leave. */
  tellReady(): void {
    this.#tell({ type: 'ready', taken: this.#taken, receives: this.#receives })
  }

  /** Calls `act` when the old parent begins to leave (or has died). If it decides to go on instead, it ends this process. */
  onLeave(act: () => void): void {
    if (this.#channel.closed) act()
    else this.#channel.once('close', act)
  }

  /** Resolves when the process of the old parent is gone, and so are its children, which it waits for. */
  async untilGone(): Promise<void> {
    while (isRunning(this.pid)) await sleep(LOOK_EVERY_MS, undefined, { ref: false })
  }

  /** The start has failed: the old parent goes on, and knows why. */
  tellFailed(error: unknown): void {
    this.#tell({ type: 'failed', error: serializeError(error) })
  }

  #tell(report: object): void {
    this.#channel.write(`${JSON.stringify(report)}\n`)
  }
}

const LOOK_EVERY_MS = 200

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
