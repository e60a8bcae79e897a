import type { WayOfLeaving } from '../shared/messages-to-worker.js'
import { listenerOf } from '../sync/entry.js'
import type { Service } from './service.js'

/** One handler on listeners of several kinds: some connections begin with a TLS handshake, with these or those certificates, others do not. */
export class ByListener implements Service {
  readonly #clear: Service
  readonly #services: readonly Service[]
  readonly #all: ReadonlySet<Service>

  /** `services` are those of the listeners, in their order. */
  constructor(clear: Service, services: readonly Service[]) {
    this.#clear = clear
    this.#services = services
    this.#all = new Set([clear, ...services])
  }

  /** Of a parked connection the listener is not known, and none over TLS is ever parked. */
  serve(entry: number): void {
    const service = this.#services[listenerOf(entry)] ?? this.#clear
    service.serve(entry)
  }

  async leave(way: WayOfLeaving): Promise<void> {
    await Promise.all([...this.#all].map(async (service) => await service.leave(way)))
  }

  endsSoon(): void {
    for (const service of this.#all) service.endsSoon()
  }

  requests(): readonly string[] {
    return [...this.#all].flatMap((service) => service.requests())
  }

  async drained(): Promise<void> {
    await Promise.all([...this.#all].map(async (service) => await service.drained()))
  }
}
