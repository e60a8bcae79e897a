import { setTimeout as sleep } from 'node:timers/promises'
import { orderAdmin } from '../../admin/client.js'
import type { PageData } from '../../admin/page-data.js'
import { parseAddress } from '../../options/address.js'
import { ForkthreadError } from '../../shared/errors.js'
import { readPage } from '../ask-pool.js'
import { DONE } from '../order.js'
import { firstState, seen } from './looks.js'
import { type Key, press } from './press.js'
import { Screen } from './screen.js'
import type { Message, TopOrder, TopState } from './state.js'
import { view } from './view.js'

const REFRESH_MS = 1000
/** For how long nobody may be found there until the pool counts as gone: after an upgrade another one is. */
const GONE_MS = 3000

/** Those that end the process, each as by default, once the terminal is as it was. */
const DEADLY = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const
type Deadly = (typeof DEADLY)[number]

/** Draws a pool on the terminal, and does what the keys say. */
export class LiveTop {
  readonly #find: () => Promise<string>
  readonly #token: string | undefined
  readonly #screen = new Screen((key) => this.#press(key))
  #admin: string
  #state: TopState
  /** Another parent may have taken over, at another address. */
  #isLost = false
  /** Since when nobody is found there. */
  #goneSince: number | undefined
  #wake = new AbortController()

  private constructor(
    find: () => Promise<string>,
    token: string | undefined,
    admin: string,
    data: PageData,
  ) {
    this.#find = find
    this.#token = token
    this.#admin = admin
    this.#state = firstState(data)
  }

  /**
   * Shows the pool that `find` finds until somebody has seen enough. That ends the process, so it never returns: orders that still run are
   * carried out by the pool.
   * @throws FT_ERR_ADMIN, FT_ERR_NO_POOL when the pool is gone
   */
  static async run(find: () => Promise<string>, token: string | undefined): Promise<never> {
    const admin = await find()
    const top = new LiveTop(find, token, admin, await readPage(admin, 0))
    return await top.#run()
  }

  async #run(): Promise<never> {
    for (const signal of DEADLY) process.on(signal, this.#end)
    process.on('SIGTSTP', () => this.#stop())
    process.on('SIGCONT', () => this.#enter())
    process.stdout.on('resize', () => this.#redraw())
    // The terminal is gone, and whoever sat there.
    process.stdin.on('error', () => process.exit(1)).on('end', () => process.exit(1))
    this.#enter()
    try {
      for (;;) {
        await sleep(REFRESH_MS, undefined, { signal: this.#wake.signal }).catch(() => undefined)
        this.#wake = new AbortController()
        if (!this.#state.isPaused) await this.#look()
      }
    } finally {
      this.#screen.leave()
    }
  }

  #enter(): void {
    this.#screen.enter()
    this.#redraw()
  }

  #redraw(): void {
    this.#screen.forget()
    this.#draw()
  }

  #change(state: TopState): void {
    this.#state = state
    this.#draw()
  }

  #draw(): void {
    this.#screen.draw(view(this.#state, this.#screen.size))
  }

  readonly #end = (signal: Deadly): void => {
    this.#screen.leave()
    for (const one of DEADLY) process.off(one, this.#end)
    process.kill(process.pid, signal)
  }

  #stop(): void {
    this.#screen.leave()
    process.kill(process.pid, 'SIGSTOP')
  }

  async #look(): Promise<void> {
    try {
      if (this.#isLost) this.#admin = await this.#find()
      const data = await readPage(this.#admin, this.#state.points.at(-1)?.at ?? 0)
      this.#isLost = false
      this.#goneSince = undefined
      // Somebody may have stopped the picture meanwhile.
      if (!this.#state.isPaused) this.#change(seen(this.#state, data))
    } catch (error) {
      const now = performance.now()
      this.#isLost = true
      this.#goneSince = isGone(error) ? (this.#goneSince ?? now) : undefined
      if (this.#goneSince !== undefined && now - this.#goneSince > GONE_MS) throw error
      this.#change({ ...this.#state, trouble: reasonOf(error as Error) })
    }
  }

  #press(key: Key): void {
    const { state, effect } = press(this.#state, key)
    this.#change(state)
    switch (effect?.do) {
      case 'quit':
        // Not by returning: an order that still runs would keep the process.
        process.exit(0)
        break
      case 'signal':
        process.kill(process.pid, effect.signal)
        break
      case 'redraw':
        this.#redraw()
        break
      case 'order':
        void this.#order(effect.order)
    }
  }

  async #order({ name, query }: TopOrder): Promise<void> {
    const steps = [`${[name, ...Object.values(query)].join(' ')} …`]
    const say = (level: Message['level'], line: string): void => {
      steps.push(line)
      this.#change({ ...this.#state, message: { level, lines: [...steps] } })
    }
    this.#change({ ...this.#state, message: { level: 'dim', lines: steps } })
    try {
      const what = { name, query, token: this.#token }
      const address = parseAddress(this.#admin, 'admin')
      await orderAdmin(this.#admin, address, what, (step) => say('dim', step))
      say('good', DONE[name])
    } catch (error) {
      say('bad', (error as Error).message)
    }
    // What has come of it shows at once.
    this.#wake.abort()
  }
}

/** On one line: what lies behind it, without the advice. */
function reasonOf({ cause, message }: Error): string {
  return cause instanceof Error ? cause.message : message
}

/** Nobody listens there any more. A pool that is late to answer is none of this. */
function isGone(error: unknown): boolean {
  if (!(error instanceof ForkthreadError)) return false
  if (error.code === 'FT_ERR_NO_POOL') return true
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException
  return code === 'ECONNREFUSED' || code === 'ENOENT'
}
