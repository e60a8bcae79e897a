import type { HandlerKind } from '../../shared/terms.js'
import { countWaiting } from '../../sys/descriptor-socket.js'
import type { Listener } from './listener.js'
import type { Resources } from './resources.js'

/** Where the pool listens, and what it serves there. */
export class Listening {
  readonly listeners: readonly Listener[]
  readonly #mailbox: Resources['mailbox']
  #kinds: readonly HandlerKind[] = []

  constructor({ listeners, mailbox }: Pick<Resources, 'listeners' | 'mailbox'>) {
    this.listeners = listeners
    this.#mailbox = mailbox
  }

  /** What each listener serves; none until the handler has been loaded. */
  get kinds(): readonly HandlerKind[] {
    return this.#kinds
  }

  /** In the order of `listen`. */
  get addresses(): readonly string[] {
    return this.listeners.map((listener, index) => listener.name(this.#kinds[index]))
  }

  /** Connections that wait in all backlogs, and parked ones that wait in the mailbox for a thread. */
  get waiting(): number {
    const mailed = this.#mailbox === undefined ? 0 : countWaiting(this.#mailbox.receiveEnd)
    return this.listeners.reduce((sum, { backlog }) => sum + backlog.length, mailed)
  }

  serves(kinds: readonly HandlerKind[]): void {
    this.#kinds = kinds
  }

  /** Where the client speaks first, a thread that takes a connection finds its request there. `isOn`: the option, if it is given. */
  deferAccept(isOn: boolean | undefined): void {
    for (const [index, listener] of this.listeners.entries())
      listener.deferAccept(isOn ?? this.#kinds[index] !== 'raw')
  }

  /** An old parent leaves: the unix paths are this one's to remove. */
  claim(): void {
    for (const listener of this.listeners) listener.claim()
  }

  /** No more connections, as far as this process is concerned: children may still have the listeners open. */
  shut(): void {
    for (const listener of this.listeners) {
      listener.shut()
      listener.close()
    }
  }

  /** As `shut`, for a process that exits at once. */
  close(): void {
    for (const listener of this.listeners) listener.close()
  }
}
