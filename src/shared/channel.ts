import { deserialize, serialize } from 'node:v8'
import { fail } from './errors.js'

/** What a thread, or the parent, may have on its way to the others; a listener that is slower than this loses messages. */
export const MOST_WAITING_BYTES = 16 * 2 ** 20

/** A message on its way: cloned by `node:v8`, as text, since processes speak JSON with each other. */
export interface ChannelPost {
  readonly type: 'channel'
  readonly name: string
  readonly data: string
}

/** How the channels of one thread, or of the parent, reach all the others. */
export interface ChannelLink {
  /** Sends to everybody else; `done` is called when it has left this thread's hands. */
  readonly post: (name: string, data: string, done: () => void) => void
}

/** The channels that are open in one thread, or in the parent. */
export class Channels {
  readonly #link: ChannelLink
  readonly #open = new Map<string, Set<Channel>>()
  #waitingBytes = 0
  readonly #drained: (() => void)[] = []

  constructor(link: ChannelLink) {
    this.#link = link
  }

  /** Another object for the same name hears what this one posts, as with `BroadcastChannel`. */
  open(name: string): Channel {
    const channel = new Channel(String(name), this)
    const same = this.#open.get(channel.name) ?? new Set()
    this.#open.set(channel.name, same.add(channel))
    return channel
  }

  close(channel: Channel): void {
    const same = this.#open.get(channel.name)
    same?.delete(channel)
    if (same?.size === 0) this.#open.delete(channel.name)
  }

  isOpen(name: string): boolean {
    return this.#open.has(name)
  }

  /** @throws FT_ERR_CHANNEL_FULL, FT_ERR_CHANNEL_DATA */
  post(from: Channel, message: unknown): void {
    const data = encode(from.name, message)
    if (this.#waitingBytes > 0 && this.#waitingBytes + data.length > MOST_WAITING_BYTES)
      throw fail('FT_ERR_CHANNEL_FULL', [from.name, this.#waitingBytes])
    this.#waitingBytes += data.length
    this.#link.post(from.name, data, () => this.#left(data.length))
    // Later, as everybody else hears it, and each gets a copy of its own.
    setImmediate(() => this.deliver(from.name, data, from))
  }

  /** Resolves when all that was posted here has left. */
  async drained(): Promise<void> {
    if (this.#waitingBytes === 0) return
    await new Promise<void>((resolve) => this.#drained.push(resolve))
  }

  deliver(name: string, data: string, except?: Channel): void {
    for (const channel of this.#open.get(name) ?? [])
      if (channel !== except)
        channel.dispatchEvent(new MessageEvent('message', { data: decode(data) }))
  }

  /** Messages were lost, since this thread or process did not keep up. */
  lost(count: number): void {
    for (const same of this.#open.values())
      for (const channel of same)
        channel.dispatchEvent(new MessageEvent('messageerror', { data: { lost: count } }))
  }

  #left(bytes: number): void {
    this.#waitingBytes -= bytes
    if (this.#waitingBytes > 0) return
    for (const resolve of this.#drained.splice(0)) resolve()
  }
}

type Listener = (event: MessageEvent) => unknown

/**
 * A channel by name, in the manner of `BroadcastChannel`: what is posted here reaches each channel of that name in every thread of every
 * process of the pool, and in the parent, but not this object. Messages of one sender arrive in the order in which it has posted
 * them. It does not keep a thread or process alive.
 */
export class Channel extends EventTarget {
  readonly name: string
  readonly #channels: Channels
  #isClosed = false
  #onmessage: Listener | null = null
  #onmessageerror: Listener | null = null

  constructor(name: string, channels: Channels) {
    super()
    this.name = name
    this.#channels = channels
  }

  /**
   * Sends a copy of the message, as the structured clone algorithm makes it.
   * @throws FT_ERR_CHANNEL_DATA for what can't be cloned, such as a function; FT_ERR_CHANNEL_FULL when 16 MiB wait to be sent: see
   *   `drained`; FT_ERR_CLOSED
   */
  postMessage(message: unknown): void {
    if (this.#isClosed) throw fail('FT_ERR_CLOSED', [`postMessage() on the channel ${this.name}`])
    this.#channels.post(this, message)
  }

  /** Resolves when what this thread has posted, on any channel, has left it. Who posts much waits for that now and then. */
  async drained(): Promise<void> {
    await this.#channels.drained()
  }

  /** It hears nothing any more. */
  close(): void {
    this.#isClosed = true
    this.#channels.close(this)
  }

  get onmessage(): Listener | null {
    return this.#onmessage
  }

  set onmessage(listener: Listener | null) {
    this.#onmessage = this.#replace('message', this.#onmessage, listener)
  }

  /** `data.lost` says how many messages were lost because this side did not keep up. */
  get onmessageerror(): Listener | null {
    return this.#onmessageerror
  }

  set onmessageerror(listener: Listener | null) {
    this.#onmessageerror = this.#replace('messageerror', this.#onmessageerror, listener)
  }

  #replace(type: string, old: Listener | null, next: Listener | null): Listener | null {
    if (old !== null) this.removeEventListener(type, old as (event: Event) => void)
    if (typeof next !== 'function') return null
    this.addEventListener(type, next as (event: Event) => void)
    return next
  }
}

function encode(name: string, message: unknown): string {
  try {
    return serialize(message).toString('base64')
  } catch (error) {
    throw fail('FT_ERR_CHANNEL_DATA', [name, (error as Error).message], error)
  }
}

function decode(data: string): unknown {
  return deserialize(Buffer.from(data, 'base64'))
}
