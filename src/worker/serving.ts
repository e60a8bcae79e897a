import type { WayOfLeaving } from '../shared/messages-to-worker.js'
import { descriptorOf, listenerOf } from '../sync/entry.js'
import { closeDescriptor } from '../sys/descriptor.js'
import { boundAddress } from '../sys/socket.js'
import type { Adoption } from './adoption.js'
import type { Service } from './service.js'

/** All that this thread serves: an exported handler, or the servers of a program, each with the connections of its listeners. */
export class Serving implements Service {
  readonly #handler: Service | undefined
  readonly #adoption: Adoption

  constructor(handler: Service | undefined, adoption: Adoption) {
    this.#handler = handler
    this.#adoption = adoption
  }

  /** A module that exports a handler and listens means its server, also if it listens late. */
  serve(entry: number): void {
    const adopted = this.#adoption.serviceAt(listenerOf(entry), () =>
      boundAddress(descriptorOf(entry)),
    )
    const service = adopted ?? this.#handler
    // It has moved here from an old parent, and the program does not listen there any more.
    if (service === undefined) closeDescriptor(descriptorOf(entry))
    else service.serve(entry)
  }

  async leave(way: WayOfLeaving): Promise<void> {
    await Promise.all(this.#all.map((service) => service.leave(way)))
  }

  endsSoon(): void {
    for (const service of this.#all) service.endsSoon()
  }

  requests(): readonly string[] {
    return this.#all.flatMap((service) => service.requests())
  }

  async drained(): Promise<void> {
    await Promise.all(this.#all.map((service) => service.drained()))
  }

  get #all(): readonly Service[] {
    const { services } = this.#adoption
    return this.#handler === undefined ? services : [this.#handler, ...services]
  }
}
