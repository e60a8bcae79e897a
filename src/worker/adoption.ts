import type { Server } from 'node:net'
import { resolve } from 'node:path'
import { fail } from '../shared/errors.js'
import type { AskedListener, HandlerKind } from '../shared/terms.js'
import { addressText, type SocketAddress } from '../sys/sockaddr.js'
import { addressInUse } from './address-in-use.js'
import { kindOf } from './adopted-server.js'
import { type Asked, askedText, type Claim, decideAdoption } from './decide-adoption.js'
import { FauxHandle } from './faux-handle.js'
import { type Bind, type ListeningServer, patchListen } from './listen-patch.js'
import { RootContext } from './root-context.js'
import type { Service } from './service.js'
import { keepSocketFiles } from './socket-files.js'

/** What Node asks the kernel for if the app does not say. */
const USUAL_BACKLOG = 511
/** What `ipv6Only` is to libuv, among the flags of a bind (UV_TCP_IPV6ONLY). */
const IPV6_ONLY = 1

export interface AdoptionTerms {
  /** Where the pool listens. */
  readonly listeners: readonly SocketAddress[]
  /** The pool wants to know where the app would listen: nothing is refused then. */
  readonly learns: boolean
  /** Makes the service of a server, whose connections begin in the context of `root`. */
  readonly serviceFor: (server: Server, root: RootContext) => Service
  /** For the pool's log. */
  readonly notice: (text: string) => void
  /** The app has closed a server that was served. */
  readonly closed: () => void
}

/** A server of the app that is served with the pool's connections. */
interface Adopted extends Claim<Server> {
  readonly service: Service
  listeners: readonly number[]
  readonly backlog: number
  readonly ipv6Only: boolean
}

/**
 * The servers of the app in this thread that are served: each that is told to listen, from before the handler module is imported. It
 * gets the pool's connections, and binds nothing. What listens on a free port or on a descriptor is what apps have inside: that is really
 * bound, and served by nobody else. `exclusive` is no sign of that: some libraries (srvx, below h3 and Nitro) always say so of the one server
 * that there is, and of several threads only one could bind it.
 */
export class Adoption {
  readonly #terms: AdoptionTerms
  #listeners: readonly SocketAddress[]
  readonly #bind: Bind
  readonly #adopted = new Map<Server, Adopted>()
  /** A server that was adopted before is watched already. */
  readonly #services = new Map<Server, Service>()
  /** Told to listen, and their host is being looked up. */
  readonly #pending = new Set<Server>()
  readonly #waiting: (() => void)[] = []
  #isReady = false
  #hasOwn = false
  #isLeaving = false
  #keepsFiles = false

  constructor(terms: AdoptionTerms) {
    // Where the pool listens for the time being says nothing.
    this.#listeners = terms.learns ? [] : terms.listeners
    this.#terms = terms
    this.#bind = patchListen({
      told: (server) => this.#told(server),
      binds: (server, args) => this.#binds(server, args),
    })
    // Before the app has its own names for the functions; which path it will ask for is not known while the pool learns.
    if (terms.learns || terms.listeners.some(({ family }) => family === 'unix')) this.#keepFiles()
  }

  /** A server has been told to listen, and is adopted or may still be. */
  get isAsked(): boolean {
    return this.#adopted.size > 0 || this.#pending.size > 0
  }

  get isReady(): boolean {
    return this.#isReady
  }

  /** A server was really bound: to a free port, or to a descriptor. */
  get hasOwn(): boolean {
    return this.#hasOwn
  }

  get isAny(): boolean {
    return this.#adopted.size > 0
  }

  /** Also those of servers that have been closed and may have connections. */
  get services(): readonly Service[] {
    return [...this.#services.values()]
  }

  /** Where the app wants to listen, as far as it has said so. */
  get asked(): readonly AskedListener[] {
    return [...this.#adopted.values()].flatMap(({ asked, backlog, ipv6Only }) =>
      asked === undefined ? [] : [{ ...asked, backlog, ipv6Only }],
    )
  }

  /** What each of the pool's listeners serves. */
  get kinds(): readonly HandlerKind[] {
    const kinds: HandlerKind[] = []
    for (const { server, listeners } of this.#adopted.values())
      for (const index of listeners) kinds[index] = kindOf(server)
    return Array.from(this.#listeners, (_, index) => kinds[index] ?? 'raw')
  }

  /** Resolves when a server has listened for two turns of the loop: some listen only to see whether a port is free. */
  async ready(): Promise<void> {
    if (!this.#isReady) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /**
   * Who serves a connection from this listener, or, where that is not known (-1), with this address of its own. After the last server has
   * closed it is still the one for what had been taken.
   */
  serviceAt(listener: number, address: () => SocketAddress | undefined): Service | undefined {
    const [first, second] = this.#adopted.values()
    if (second === undefined) return first?.service ?? this.services.at(-1)
    const index = listener >= 0 ? listener : this.#listenerAt(address())
    for (const adopted of this.#adopted.values())
      if (adopted.listeners.includes(index)) return adopted.service
    return first?.service
  }

  #listenerAt(address: SocketAddress | undefined): number {
    if (address === undefined) return -1
    const text = addressText(address)
    const exact = this.#listeners.findIndex((one) => addressText(one) === text)
    return exact >= 0 ? exact : this.#listeners.findIndex((one) => isSamePlace(one, address))
  }

  /** A server that the module exports is served although nobody has told it to listen. */
  adoptExported(server: Server): void {
    if (this.#adopted.has(server)) return
    this.#listeners = this.#terms.listeners
    const all = [...this.#listeners.keys()]
    this.#adopt(server as ListeningServer, undefined, all, [null, 0, 4, 0, undefined, undefined])
  }

  /** The module exports a handler, which is served where the pool listens; so is a server that comes late. */
  serveHandler(): void {
    this.#listeners = this.#terms.listeners
    this.#isReady = true
  }

  /** From now on it is no news if the app closes its servers. */
  leave(): void {
    this.#isLeaving = true
  }

  #told(server: ListeningServer): void {
    // It was adopted for being exported, and tells now where it would have listened.
    const adopted = this.#adopted.get(server)
    if (adopted !== undefined && adopted.asked === undefined) {
      this.#adopted.delete(server)
      server._handle = null
    }
    if (server._handle === null) this.#pending.add(server)
  }

  #binds(server: ListeningServer, args: Parameters<Bind>): void {
    this.#pending.delete(server)
    const [host, port, , , fd] = args
    const isWithin =
      typeof fd === 'number' || port === null || port === 0 || server._handle !== null
    if (isWithin) {
      this.#hasOwn = true
      Reflect.apply(this.#bind, server, args)
      return
    }
    const asked: Asked =
      port === -1
        ? { kind: 'unix', path: String(host) }
        : { kind: 'tcp', host: host ?? undefined, port }
    if (asked.kind === 'unix') this.#keepFiles()
    const { learns, notice } = this.#terms
    const decision = decideAdoption(asked, this.#listeners, [...this.#adopted.values()])
    if (decision.action === 'in use') failLater(server, addressInUse(asked))
    else if (learns && !this.#isReady) this.#adopt(server, asked, [], args)
    else if (decision.action === 'refuse') failLater(server, this.#elsewhere(asked))
    else if (decision.action === 'alias')
      this.#bindTo(server, decision.listener, args, () => undefined)
    else {
      this.#takeFromOthers(decision.listeners)
      if (!decision.isExact)
        notice(`the program asked for ${askedText(asked)}, served at ${this.#addresses}`)
      this.#adopt(server, asked, decision.listeners, args)
    }
  }

  #keepFiles(): void {
    if (this.#keepsFiles) return
    this.#keepsFiles = true
    const own = this.#listeners.flatMap((one) => (one.family === 'unix' ? [resolve(one.path)] : []))
    const isAskedFor = (path: string): boolean =>
      [...this.#adopted.values()].some(
        ({ asked }) => asked?.kind === 'unix' && resolve(asked.path) === path,
      )
    keepSocketFiles((path) => own.includes(path) || isAskedFor(path))
  }

  #adopt(
    server: ListeningServer,
    asked: Asked | undefined,
    listeners: readonly number[],
    args: Parameters<Bind>,
  ): void {
    // As with Node, connections begin in the context in which the server was told to listen.
    const root = new RootContext()
    const service = this.#services.get(server) ?? this.#terms.serviceFor(server, root)
    this.#services.set(server, service)
    const backlog = args[3] === USUAL_BACKLOG ? 0 : Number(args[3])
    const ipv6Only = (Number(args[5] ?? 0) & IPV6_ONLY) !== 0
    const adopted: Adopted = { server, asked, listeners, service, backlog, ipv6Only }
    this.#adopted.set(server, adopted)
    this.#bindTo(server, listeners[0], args, () => this.#closed(adopted))
    // 'listening' comes before the loop turns.
    root.run(setImmediate, () =>
      setImmediate(() => {
        if (this.#adopted.get(server) === adopted) this.#becomeReady()
      }),
    )
  }

  /** Has Node do what it does for a server that listens. */
  #bindTo(
    server: ListeningServer,
    listener: number | undefined,
    args: Parameters<Bind>,
    onClose: () => void,
  ): void {
    const address = this.#listeners[listener ?? 0] ?? addressOf(args)
    server._handle = new FauxHandle(address, onClose)
    if (address.family === 'unix') server._pipeName = address.path
    Reflect.apply(this.#bind, server, args)
  }

  #becomeReady(): void {
    this.#isReady = true
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #closed(adopted: Adopted): void {
    this.#adopted.delete(adopted.server)
    // Before that it may have been a look whether a port is free.
    if (this.#isReady && !this.#isLeaving) this.#terms.closed()
  }

  /** Who has asked for a listener gets it; who has none left then learns that it listens nowhere. */
  #takeFromOthers(taken: readonly number[]): void {
    for (const other of [...this.#adopted.values()]) {
      other.listeners = other.listeners.filter((listener) => !taken.includes(listener))
      if (other.listeners.length > 0 || other.asked === undefined) continue
      this.#adopted.delete(other.server)
      const server = other.server as ListeningServer
      server._handle = null
      failLater(server, this.#elsewhere(other.asked))
    }
  }

  get #addresses(): string {
    return this.#listeners.map(addressText).join(', ')
  }

  #elsewhere(asked: Asked): Error {
    const wanted = asked.kind === 'tcp' ? String(asked.port) : askedText(asked)
    return fail('FT_ERR_LISTEN', [askedText(asked), this.#addresses, wanted])
  }
}

function failLater(server: Server, error: Error): void {
  process.nextTick(() => server.emit('error', error))
}

/** Until the pool has bound it, the address is the one that was asked for. */
function addressOf([host, port, family]: Parameters<Bind>): SocketAddress {
  if (port === -1) return { family: 'unix', path: String(host) }
  return { family: family === 6 || host === null ? 6 : 4, host: host ?? '::', port: port ?? 0 }
}

/** A connection to a listener on every interface has the address of one of them. */
function isSamePlace(listener: SocketAddress, local: SocketAddress): boolean {
  return 'port' in listener && 'port' in local && local.port === listener.port
}
