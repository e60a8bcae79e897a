import { openSync, rmSync } from 'node:fs'
import { serializeError } from '../errors.js'
import type { ChildMessage, StartChild } from '../messages.js'
import { createChildMemory } from '../sync/child-memory.js'
import { createMechanism, type MechanismTerms } from '../sync/create-mechanism.js'
import { HandOff } from '../sync/hand-off.js'
import { SCOREBOARD_BYTES, Scoreboard } from '../sync/scoreboard.js'
import { closeDescriptor } from '../sys/descriptor.js'
import { Epoll } from '../sys/epoll.js'
import { exitImmediately } from '../sys/exit.js'
import { mapSharedMemory } from '../sys/memory.js'
import { acceptRest } from './accept-rest.js'
import { ListenerThread } from './listener-thread.js'
import { WorkerThreads } from './threads.js'

/** A child process from its start message on: one listener thread, some worker threads. */
export class Child {
  readonly #start: StartChild
  readonly #scoreboard: Scoreboard
  readonly #handOff: HandOff
  readonly #threads: WorkerThreads
  readonly #listener: ListenerThread
  readonly #send: (message: ChildMessage) => void
  #drained: Promise<void> | undefined

  constructor(start: StartChild, send: (message: ChildMessage) => void) {
    this.#start = start
    this.#send = send
    const scoreboard = new Scoreboard(mapSharedMemory(start.scoreboard, SCOREBOARD_BYTES))
    if (!scoreboard.isFormatted) throw new Error('the inherited descriptor is not a scoreboard')
    this.#scoreboard = scoreboard
    const memory = createChildMemory()
    const mechanism = mechanismTerms(start)
    const handOff = new HandOff(memory, scoreboard, start.slot, createMechanism(mechanism, memory))
    this.#handOff = handOff
    const report = (error: ReturnType<typeof serializeError>): void =>
      send({ type: 'report', error })
    this.#threads = new WorkerThreads(start, mechanism, memory, handOff, scoreboard, report)
    // It may start before the worker threads: it waits until one of them can take something.
    this.#listener = new ListenerThread(start, mechanism, memory, handOff, scoreboard, report)
    this.#listener.failure().catch((error: unknown) => this.#giveUp(error))
    void this.#startThreads()
  }

  /** Stops accepting, finishes what there is; with `emptyBacklog` also what waits in the kernel by now. */
  async drain(emptyBacklog: boolean): Promise<void> {
    this.#drained ??= this.#drainOnce(emptyBacklog)
    await this.#drained
  }

  async #drainOnce(emptyBacklog: boolean): Promise<void> {
    this.#scoreboard.setField(this.#start.slot, 'serving', 0)
    await this.#listener.stop()
    if (emptyBacklog) await acceptRest(this.#start.listeners, this.#handOff)
    // The last process to close them makes the kernel refuse connections.
    for (const listener of this.#start.listeners) closeDescriptor(listener)
    await this.#threads.endAll()
    // Of a parent that died; else the parent's to remove.
    if (!process.connected) rmSync(this.#start.lockFolder, { recursive: true, force: true })
    await flush(process.stdout)
    await flush(process.stderr)
  }

  async #startThreads(): Promise<void> {
    try {
      const kind = await this.#threads.startAll(this.#start.threads)
      this.#scoreboard.setField(this.#start.slot, 'serving', 1)
      this.#send({ type: 'ready', kind })
    } catch (error) {
      this.#giveUp(error)
    }
  }

  #giveUp(error: unknown): void {
    process.send?.({ type: 'failed', error: serializeError(error) }, undefined, undefined, () =>
      exitImmediately(1),
    )
    // The parent may be gone, too.
    if (!process.connected) exitImmediately(1)
  }
}

/** Opens what the threads of this child share to accept. */
function mechanismTerms(start: StartChild): MechanismTerms {
  const { acceptMutex, acceptPermits, listeners, lockFiles, passOn, slot } = start
  if (acceptMutex === 'none')
    return { kind: 'exclusive', listeners, epoll: Epoll.create().fd, passOn }
  // Opened here, not inherited: a lock belongs to the open file description.
  const files = lockFiles.map((path) => openSync(path, 'r+'))
  const mutex = { mechanism: acceptMutex, files, permits: acceptPermits, first: slot }
  return { kind: 'mutex', listeners, mutex }
}

/** What worker threads print goes through this thread's streams; `_exit` would cut it off. */
async function flush(stream: NodeJS.WriteStream): Promise<void> {
  await new Promise<void>((resolve) => stream.write('', () => resolve()))
}
