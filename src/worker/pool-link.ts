import type * as Inspector from 'node:inspector'
import type { MessagePort } from 'node:worker_threads'
import { Channels } from '../shared/channel.js'
import { importModule } from '../shared/import-module.js'
import type { PoolLinkUp } from '../shared/messages-from-worker.js'
import type { PoolLinkDown } from '../shared/messages-to-worker.js'
import type { PoolThread } from '../shared/pool-thread.js'
import type { InspectTerms } from '../shared/terms.js'
import type { RootContext } from './root-context.js'

/**
 * A thread's side of what the whole pool shares: channels, and being the leader. It has a port of its own, which is read from before the
 * handler is loaded.
 */
export class PoolLink {
  readonly channels: Channels
  readonly #port: MessagePort
  readonly #root: RootContext
  readonly #inspect: InspectTerms | undefined
  readonly #acts = new Set<(signal: AbortSignal) => unknown>()
  readonly #sent: (() => void)[] = []
  #leading: AbortController | undefined
  #isLeaving = false

  constructor(port: MessagePort, root: RootContext, inspect?: InspectTerms) {
    this.#inspect = inspect
    this.#port = port
    this.#root = root
    this.channels = new Channels({
      post: (name, data, done) => {
        this.#sent.push(done)
        this.#tell({ type: 'channel', name, data })
      },
    })
    port.on('message', (message: PoolLinkDown) => root.run(() => this.#onMessage(message)))
    // What is heard must not keep a thread that has nothing else to do.
    port.unref()
  }

  get isLeader(): boolean {
    return this.#leading !== undefined
  }

  /** Calls `act` each time that this thread becomes the leader, soon if it is it already; returns what ends that. */
  onLeader(act: (signal: AbortSignal) => unknown): () => void {
    this.#acts.add(act)
    const leading = this.#leading
    if (leading !== undefined)
      this.#root.run(setImmediate, () => {
        if (this.#acts.has(act) && !leading.signal.aborted) act(leading.signal)
      })
    return () => void this.#acts.delete(act)
  }

  /**
   * The thread leaves: whoever led here stops before the next one hears that it leads. So there are never two, and if it does not
   * come to this (the thread dies), the parent waits until the thread is gone.
   */
  resign(): void {
    this.#isLeaving = true
    const leading = this.#leading
    if (leading === undefined) return
    this.#leading = undefined
    void this.#closeInspector()
    this.#root.run(() => leading.abort())
    this.#tell({ type: 'resigned' })
  }

  close(): void {
    this.#port.close()
  }

  #onMessage(message: PoolLinkDown): void {
    switch (message.type) {
      case 'channel':
        // Said first: a listener that throws ends the thread anyway.
        this.#tell({ type: 'heard', bytes: message.data.length })
        this.channels.deliver(message.name, message.data)
        return
      case 'sent':
        this.#sent.shift()?.()
        return
      case 'lost':
        this.channels.lost(message.count)
        return
      case 'lead':
        this.#lead()
    }
  }

  #lead(): void {
    // It was on its way when this thread began to leave.
    if (this.#isLeaving) {
      this.#tell({ type: 'resigned' })
      return
    }
    const leading = new AbortController()
    this.#leading = leading
    void this.#openInspector()
    for (const act of this.#acts) act(leading.signal)
  }

  /** In this one thread, so that the port is free; an inspector that is opened in a thread shows that thread (Node 20 to 26). */
  async #openInspector(): Promise<void> {
    if (this.#inspect === undefined) return
    const { open } = await importModule<typeof Inspector>('node:inspector')
    open(this.#inspect.port, this.#inspect.host)
  }

  async #closeInspector(): Promise<void> {
    if (this.#inspect === undefined) return
    const { close } = await importModule<typeof Inspector>('node:inspector')
    close()
  }

  #tell(message: PoolLinkUp): void {
    this.#port.postMessage(message)
  }
}

/** What the handler is told of its thread. */
export function contextFor(
  who: Pick<PoolThread, 'process' | 'thread' | 'generation' | 'pid'>,
  signal: AbortSignal,
  link: PoolLink,
): PoolThread {
  return {
    ...who,
    signal,
    get isLeader() {
      return link.isLeader
    },
    onLeader: (act) => link.onLeader(act),
    channel: (name) => link.channels.open(name),
  }
}
