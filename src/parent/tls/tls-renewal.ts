import { monotonicMs } from '../../sync/clock.js'
import { TicketKeys } from '../../sync/ticket-keys.js'
import type { Children } from '../children/children.js'
import type { Certificates } from './certificates.js'

const LOOK_EVERY_MS = 1000

/** What is renewed while the pool serves: the key of the session tickets, and the certificates when their files change. */
export class TlsRenewal {
  readonly #children: Children
  readonly #ticketKeys: TicketKeys
  readonly #decided: (action: string, reason: string) => void
  readonly #report: (error: Error) => void
  #looks: NodeJS.Timeout | undefined
  #isLooking = false

  constructor(
    children: Children,
    ticketKeys: number,
    decided: (action: string, reason: string) => void,
    report: (error: Error) => void,
  ) {
    this.#children = children
    this.#ticketKeys = TicketKeys.map(ticketKeys)
    this.#decided = decided
    this.#report = report
  }

  start(): void {
    this.#looks = setInterval(() => void this.#look(), LOOK_EVERY_MS)
  }

  stop(): void {
    clearInterval(this.#looks)
  }

  async #look(): Promise<void> {
    this.#ticketKeys.rotate(monotonicMs())
    // On a file system that hangs one look is enough.
    if (this.#isLooking) return
    this.#isLooking = true
    await this.#renew()
    this.#isLooking = false
  }

  async #renew(): Promise<void> {
    const { generation } = this.#children
    const { certificates } = generation
    const renewed = await Promise.all(certificates.map(async (one) => await this.#isNew(one)))
    if (!renewed.includes(true)) return
    this.#decided('renew the certificates', 'their files have changed')
    const terms = certificates.map((one) => one.terms)
    // A child that starts at this moment has read them already, or is told behind its start message.
    for (const child of this.#children.all)
      if (child.generation === generation.number) child.renewTls(terms)
  }

  /** What is of no use at one listener holds up no other. */
  async #isNew(certificates: Certificates): Promise<boolean> {
    try {
      return await certificates.renew()
    } catch (error) {
      this.#report(error as Error)
      return false
    }
  }
}
