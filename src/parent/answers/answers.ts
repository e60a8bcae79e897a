import type { AdminSource, LoadAdmin, OpenAdmin } from '../../shared/stats.js'
import type { Resources } from '../binding/resources.js'
import { AgentCheck } from './agent-check.js'

type Addresses = Pick<Resources, 'admin' | 'metrics' | 'agent'>

/** The parent's answers to who asks how the pool does: at the admin address, at the one for reading, and to HAProxy's agent-check. */
export class Answers {
  readonly #addresses: Addresses
  readonly #adminToken: string | undefined
  readonly #agentReply: () => string
  #admin: ReturnType<OpenAdmin> | undefined
  #metrics: ReturnType<OpenAdmin> | undefined
  #agent: AgentCheck | undefined
  #isClosed = false

  constructor(addresses: Addresses, adminToken: string | undefined, agentReply: () => string) {
    this.#addresses = addresses
    this.#adminToken = adminToken
    this.#agentReply = agentReply
  }

  async open(loadAdmin: LoadAdmin, source: AdminSource): Promise<void> {
    const { admin, agent, metrics } = this.#addresses
    if (agent !== undefined) this.#agent = new AgentCheck(agent, this.#agentReply)
    if (admin === undefined && metrics === undefined) return
    const openAdmin = await loadAdmin()
    // Its addresses are closed, too.
    if (this.#isClosed) return
    if (admin !== undefined) this.#admin = openAdmin(admin.fd, source, 'all', this.#adminToken)
    if (metrics !== undefined) this.#metrics = openAdmin(metrics.fd, source, 'read')
  }

  /** A new parent answers at the same addresses. */
  handOver(): void {
    this.#admin?.handOver()
    this.#agent?.handOver()
    this.#metrics?.handOver()
  }

  /** The old parent leaves: its unix paths are this one's to remove. */
  claim(): void {
    const { admin, agent, metrics } = this.#addresses
    admin?.claim()
    agent?.claim()
    metrics?.claim()
  }

  close(): void {
    this.#isClosed = true
    const { admin, agent, metrics } = this.#addresses
    for (const [server, address] of [
      [this.#metrics, metrics],
      [this.#admin, admin],
    ] as const) {
      if (server === undefined) address?.close()
      else {
        server.close()
        address?.removePath()
      }
    }
    if (this.#agent === undefined) agent?.close()
    else this.#agent.close()
  }
}
