import type { AskedListener } from '../../shared/terms.js'

/** The start of a pool that was not told where to listen has found out: the handler is a program, and listens there. */
export class ListensElsewhere extends Error {
  readonly asked: readonly AskedListener[]

  constructor(asked: readonly AskedListener[]) {
    super('the program listens elsewhere')
    this.asked = asked
  }

  /** As the option `listen` takes them. */
  get addresses(): (string | number)[] {
    return this.asked.map((one) => {
      if (one.kind === 'unix') return `unix:${one.path.replace(/^\0/, '@')}`
      const { host, port } = one
      if (host === undefined) return port
      return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    })
  }

  /** It leaves IPv4 out wherever it listens on every interface. */
  get ipv6Only(): boolean {
    const wide = this.asked.filter(
      (one) => one.kind === 'tcp' && (one.host === undefined || one.host === '::'),
    )
    return wide.length > 0 && wide.every(({ ipv6Only }) => ipv6Only)
  }

  /** The longest that it asks for; 0 if it does not say. */
  get backlog(): number {
    return Math.max(0, ...this.asked.map(({ backlog }) => backlog))
  }
}
