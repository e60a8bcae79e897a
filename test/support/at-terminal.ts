import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { cliPath } from './paths.js'
import { children, descendants, processes, send } from './processes.js'
import { Screen } from './screen.js'
import { until } from './until.js'

const LIMIT_MS = 30_000

export interface TerminalOptions {
  readonly columns?: number
  readonly rows?: number
  readonly env?: Readonly<Record<string, string>>
}

/** `forkthread ARGS` at a terminal of its own (by `script`), and what is seen there. Say `await using`. */
export class AtTerminal {
  readonly screen: Screen
  readonly #script: ChildProcess
  readonly #ended: Promise<void>

  constructor(args: readonly string[], options: TerminalOptions = {}) {
    const { columns = 80, rows = 24, env = {} } = options
    this.screen = new Screen(columns, rows)
    const program = [process.execPath, cliPath, ...args].map((word) => `'${word}'`).join(' ')
    const command = `stty rows ${rows} cols ${columns}; ${program}; echo "ended $?"; stty -a`
    // The runner of tests wants no colours; a person at a terminal does.
    const { NO_COLOR, FORCE_COLOR, ...usual } = process.env
    this.#script = spawn('script', ['-qfc', command, '/dev/null'], {
      env: { ...usual, SHELL: '/bin/sh', TERM: 'xterm-256color', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#script.stdout?.setEncoding('utf8').on('data', (text: string) => this.screen.feed(text))
    this.#ended = new Promise((resolve) => this.#script.once('close', () => resolve()))
  }

  /** Waits until it stands on the screen. */
  async shows(what: RegExp): Promise<void> {
    try {
      await until(() => what.test(this.screen.text), LIMIT_MS, `${what}`)
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.screen.text}\n${this.screen.main}`)
    }
  }

  type(keys: string): void {
    this.#script.stdin?.write(keys)
  }

  /** The process of the program. */
  get pid(): number {
    const isIt = (pid: number): boolean => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(process.execPath)
      } catch {
        return false
      }
    }
    return descendants(this.#script.pid ?? 0).find(isIt) ?? 0
  }

  get isStopped(): boolean {
    const { pid } = this
    return processes().some((one) => one.pid === pid && one.state === 'T')
  }

  send(signal: NodeJS.Signals): void {
    send(this.pid, signal)
  }

  resize(columns: number, rows: number): void {
    const [shell = 0] = children(this.#script.pid ?? 0)
    Object.assign(this.screen, { columns, rows })
    const size = ['rows', String(rows), 'cols', String(columns)]
    execFileSync('stty', ['-F', readlinkSync(`/proc/${shell}/fd/0`), ...size])
  }

  /** The terminal is gone, as when its window is closed. */
  hangUp(): void {
    this.#script.kill('SIGKILL')
  }

  /** Waits for the end of the program: its exit status, and how it has left the terminal, as `stty -a` says it. */
  async end(): Promise<{ readonly status: number; readonly modes: string }> {
    const ended = (): RegExpExecArray | null =>
      /ended (\d+)\s+([\s\S]*icanon[\s\S]*echoke)/.exec(this.screen.main)
    const [, status = '', modes = ''] = await until(ended, LIMIT_MS, 'the end').catch((error) => {
      throw new Error(`${error.message}\n${this.screen.text}\n${this.screen.main}`)
    })
    return { status: Number(status), modes }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid = 0, exitCode } = this.#script
    if (exitCode === null) for (const one of [...descendants(pid), pid]) send(one, 'SIGKILL')
    await this.#ended
  }
}
