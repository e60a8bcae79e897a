import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { until } from './until.js'

/** What a page of a browser looks like, and what it is shown on. */
export interface View {
  readonly width: number
  readonly height: number
  readonly scheme: 'light' | 'dark'
}

interface Answer {
  readonly id?: number
  readonly result?: unknown
  readonly error?: { readonly message: string }
  readonly method?: string
  readonly params?: unknown
}

/**
 * A tab of a headless Chromium, steered by its DevTools protocol (https://chromedevtools.github.io/devtools-protocol/). Say `await using`: it ends the
 * browser.
 */
export class Chromium implements AsyncDisposable {
  readonly #end: () => Promise<void>
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  readonly #complaints: string[] = []
  #sent = 0

  private constructor(socket: WebSocket, end: () => Promise<void>) {
    this.#socket = socket
    this.#end = end
    socket.on('message', (text) => this.#onMessage(JSON.parse(String(text)) as Answer))
  }

  static async start(): Promise<Chromium> {
    const folder = mkdtempSync(join(tmpdir(), 'forkthread-chromium-'))
    const options = ['--headless=new', '--no-sandbox', '--disable-gpu', '--hide-scrollbars']
    const quiet = ['--no-first-run', '--disable-background-networking', '--disable-dev-shm-usage']
    const place = ['--remote-debugging-port=0', `--user-data-dir=${folder}`]
    const browser = spawn('chromium', [...options, ...quiet, ...place, 'about:blank'], {
      stdio: 'ignore',
      detached: true,
    })
    const ended = once(browser, 'exit')
    const end = async (): Promise<void> => {
      // Its helpers as well, which have its group.
      if (browser.pid !== undefined && browser.exitCode === null)
        process.kill(-browser.pid, 'SIGKILL')
      await ended
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
    }
    try {
      const read = (): string | undefined => {
        try {
          return readFileSync(join(folder, 'DevToolsActivePort'), 'utf8').split('\n')[0]
        } catch {
          return undefined
        }
      }
      const port = await until(read, 30_000, 'Chromium says where its DevTools are')
      const tab = async (): Promise<string | undefined> => {
        const answer = await fetch(`http://127.0.0.1:${port}/json/list`)
        const tabs = (await answer.json()) as { type: string; webSocketDebuggerUrl: string }[]
        return tabs.find(({ type }) => type === 'page')?.webSocketDebuggerUrl
      }
      const socket = new WebSocket(await until(tab, 10_000, 'Chromium has a tab'))
      await once(socket, 'open')
      const chromium = new Chromium(socket, end)
      for (const domain of ['Page', 'Runtime', 'Log', 'Network'])
        await chromium.send(`${domain}.enable`)
      return chromium
    } catch (error) {
      await end()
      throw error
    }
  }

  /** What pages have printed as errors, and what was blocked. */
  get complaints(): readonly string[] {
    return this.#complaints
  }

  /** Resolves with what the browser answers. @throws what it says is wrong */
  async send(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#sent
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve))
    this.#socket.send(JSON.stringify({ id, method, params }))
    const { result, error } = await answered
    if (error !== undefined) throw new Error(`${method}: ${error.message}`)
    return result
  }

  async open(url: string, { width, height, scheme }: View): Promise<void> {
    const mobile = width < 600
    const metrics = { width, height, deviceScaleFactor: 1, mobile }
    await this.send('Emulation.setDeviceMetricsOverride', metrics)
    const features = [{ name: 'prefers-color-scheme', value: scheme }]
    await this.send('Emulation.setEmulatedMedia', { features })
    await this.send('Page.navigate', { url })
  }

  /** The value of an expression in the page, which must be one of JSON. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    })) as { result: { value: T }; exceptionDetails?: { text: string } }
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${exceptionDetails.text}`)
    return result.value
  }

  /** The whole page as PNG. */
  async screenshot(): Promise<Buffer> {
    const options = { format: 'png', captureBeyondViewport: true }
    const { data } = (await this.send('Page.captureScreenshot', options)) as { data: string }
    return Buffer.from(data, 'base64')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.terminate()
    await this.#end()
  }

  #onMessage({ id, method, params, ...answer }: Answer): void {
    if (id !== undefined) {
      this.#waiting.get(id)?.(answer)
      this.#waiting.delete(id)
    }
    const said = ['Runtime.exceptionThrown', 'Log.entryAdded', 'Runtime.consoleAPICalled']
    if (method !== undefined && said.includes(method)) this.#complaints.push(JSON.stringify(params))
  }
}
