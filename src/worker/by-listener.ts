import type { WayOfLeaving } from '../shared/messages.js'
import { listenerOf } from '../sync/entry.js'
import type { Service } from './service.js'

/** One handler on listeners of two kinds: some connections begin with a TLS handshake, others do not. */
export class ByListener implements Service {
  readonly #clear: Service
  readonly #secure: Service
  readonly #isSecure: (listener: number) => boolean

  constructor(clear: Service, secure: Service, isSecure: (listener: number) => boolean) {
    this.#clear = clear
    this.#secure = secure
    this.#isSecure = isSecure
  }

  /** Of a parked connection the listener is not known, and none over TLS is ever parked. */
  serve(entry: number): void {
    const service = this.#isSecure(listenerOf(entry)) ? this.#secure : this.#clear
    service.serve(entry)
  }

  async leave(way: WayOfLeaving): Promise<void> {
    await Promise.all([this.#clear.leave(way), this.#secure.leave(way)])
  }

  endsSoon(): void {
    this.#clear.endsSoon()
    this.#secure.endsSoon()
  }

  requests(): readonly string[] {
    return [...this.#clear.requests(), ...this.#secure.requests()]
  }

  async drained(): Promise<void> {
    await Promise.all([this.#clear.drained(), this.#secure.drained()])
  }
}
