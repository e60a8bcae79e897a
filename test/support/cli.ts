import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import { cliPath, packageRoot } from './paths.js'
import { children, descendants, send, sessionMembers } from './processes.js'
import { until, within } from './until.js'

const READY_LIMIT_MS = 30_000
const EXIT_LIMIT_MS = 30_000
const CLOSE_GRACE_MS = 5_000

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface StartOptions {
  /** Added to the environment of the test. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Arguments for node itself. */
  readonly execArgv?: readonly string[]
  /** A command and its arguments that become the program by exec, with the same pid. */
  readonly launcher?: readonly string[]
  /** Descriptors that the program shall have from 3 on. */
  readonly inherited?: readonly number[]
}

/** Starts `forkthread ARGS`. Wait for `ready()` before using it, and `close()` it (or say `await using`). */
export function startCli(args: readonly string[], options: StartOptions = {}): Program {
  return startScript(cliPath, [...readable(args), ...args], options)
}

/** What the pool tells, as a person at a terminal reads it: tests look for sentences. Those of the log itself say what they want. */
function readable(args: readonly string[]): readonly string[] {
  const isPool = /[./]/.test(args[0] ?? '') || args.includes('--config')
  const isTold = args.some((arg) => arg.startsWith('--log-format'))
  return isPool && !isTold ? ['--log-format', 'pretty'] : []
}

/** Starts any script of ours the same way: an example with a pool of its own, a fixture. */
export function startScript(
  script: string,
  args: readonly string[] = [],
  options: StartOptions = {},
): Program {
  return new Program(script, args, options)
}

/** Runs `forkthread ARGS` to its end, for uses that end by themselves: `--help`, wrong options, `status`. */
export async function runCli(
  args: readonly string[],
  options: StartOptions = {},
): Promise<Exit & { readonly stdout: string; readonly stderr: string }> {
  await using program = startCli(args, options)
  const exit = await program.exit()
  await program.outputEnd()
  return { ...exit, stdout: program.stdout, stderr: program.stderr }
}

/**
 * A running node process and all it forks. It leads a session of its own, for two reasons:
 * `sendToGroup` can do what Ctrl-C does without hitting the test, and what it forks can be
 * found when its parents are gone.
 */
export class Program {
  readonly pid: number
  readonly #args: readonly string[]
  readonly #process: ChildProcessByStdio<null, Readable, Readable>
  readonly #exited: Promise<Exit>
  readonly #outputEnded: Promise<void>
  readonly #leaders: number[]
  readonly #output = { stdout: '', stderr: '' }

  constructor(script: string, args: readonly string[], options: StartOptions) {
    this.#args = args
    const { execArgv = [], inherited = [], launcher = [] } = options
    const node = [process.execPath, ...execArgv, script, ...args]
    const [command = process.execPath, ...commandArgs] = [...launcher, ...node]
    this.#process = spawn(command, commandArgs, {
      cwd: options.cwd ?? packageRoot,
      detached: true,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe', ...inherited],
    }) as ChildProcessByStdio<null, Readable, Readable>
    const { pid } = this.#process
    if (pid === undefined) throw new Error(`could not start ${process.execPath} ${script}`)
    this.pid = pid
    this.#leaders = [pid]
    closeWithTest(this)

    for (const name of ['stdout', 'stderr'] as const) {
      this.#process[name].setEncoding('utf8').on('data', (text: string) => {
        this.#output[name] += text
      })
    }
    this.#exited = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => resolve({ code, signal }))
    })
    this.#outputEnded = new Promise((resolve) => {
      this.#process.once('close', () => resolve())
    })
  }

  /** What has been printed so far. */
  get stdout(): string {
    return this.#output.stdout
  }

  get stderr(): string {
    return this.#output.stderr
  }

  /**
   * Waits for one ready line per listener.
   *
   * @param listeners how many; by default one for each `--listen`, and at least one
   * @returns their addresses in the order printed: `http://127.0.0.1:4711`, `tcp://…`, `unix:/path`
   */
  async ready(listeners = countListeners(this.#args)): Promise<string[]> {
    const addresses = () => {
      const lines = [...this.stdout.matchAll(/^listening on (.+)\n/gm)]
      return lines.length < listeners ? null : lines.map(([, address = '']) => address)
    }
    return this.#until(addresses, READY_LIMIT_MS, 'ready to serve')
  }

  /** Waits until something printed matches, wherever in the output so far. */
  async output(
    pattern: RegExp,
    stream: 'stdout' | 'stderr' = 'stdout',
    timeoutMs = READY_LIMIT_MS,
  ): Promise<RegExpMatchArray> {
    const match = () => this.#output[stream].match(pattern)
    return this.#until(match, timeoutMs, `${pattern} on ${stream}`)
  }

  /** Sends a signal to the process that was started, and to no other; `false` if it is gone. */
  send(signal: NodeJS.Signals): boolean {
    // ChildProcess.kill, unlike process.kill, knows when the pid is no longer ours.
    return this.#process.kill(signal)
  }

  /** Sends a signal to the whole process group, as a terminal does on Ctrl-C. */
  sendToGroup(signal: NodeJS.Signals): boolean {
    return send(-this.pid, signal)
  }

  /** Waits for the end of the process that was started; what it forked may live a little longer. */
  exit(timeoutMs = EXIT_LIMIT_MS): Promise<Exit> {
    return within(this.#exited, timeoutMs, () => `exit of ${this.#describe()}`)
  }

  /** Waits until everyone who could print has closed the pipes: `stdout` and `stderr` are whole. */
  outputEnd(timeoutMs = EXIT_LIMIT_MS): Promise<void> {
    return within(this.#outputEnded, timeoutMs, () => `end of output of ${this.#describe()}`)
  }

  /** The pids of the pool's children (the processes forked by the one that was started). */
  children(): number[] {
    return children(this.pid)
  }

  descendants(): number[] {
    return descendants(this.pid)
  }

  /** Every process that came of this start and still runs, the first one included. */
  running(): number[] {
    return [...new Set(this.#leaders.flatMap(sessionMembers))]
  }

  /** Waits until nothing that came of this start runs any more. */
  async gone(timeoutMs = EXIT_LIMIT_MS): Promise<void> {
    await until(() => this.running().length === 0, timeoutMs, 'no process left').catch((cause) => {
      throw new Error(`still running: ${this.running().join(', ')}\n${this.#describe()}`, { cause })
    })
  }

  /** Also answers for a process that left the session, such as a new parent after an upgrade. */
  adopt(pid: number): void {
    this.#leaders.push(pid)
  }

  /**
   * Leaves nothing behind, whatever state the test left things in: a graceful stop first, so that
   * socket and pid files go too, then SIGKILL for whoever is left.
   */
  async close(): Promise<void> {
    if (this.send('SIGTERM')) {
      await within(this.#exited, CLOSE_GRACE_MS, 'graceful stop').catch(() => undefined)
    }
    await until(
      () => {
        this.killNow()
        return this.running().length === 0
      },
      CLOSE_GRACE_MS,
      `end of every process of ${this.#describe()}`,
    )
    await this.outputEnd()
    openPrograms.delete(this)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Without waiting, for the exit of the test itself. */
  killNow(): void {
    for (const pid of this.running()) send(pid, 'SIGKILL')
  }

  /** Looks again at each piece of output; fails at once when no more can come. */
  async #until<T>(look: () => T | null, timeoutMs: number, description: string): Promise<T> {
    const { stdout, stderr } = this.#process
    let onOutput = () => {}
    const found = new Promise<T>((resolve) => {
      onOutput = () => {
        const value = look()
        if (value !== null) resolve(value)
      }
    })
    const ended = this.#outputEnded.then(() => {
      const value = look()
      if (value === null) throw new Error(`ended before ${description}: ${this.#describe()}`)
      return value
    })
    stdout.on('data', onOutput)
    stderr.on('data', onOutput)
    try {
      onOutput()
      const either = Promise.race([found, ended])
      return await within(either, timeoutMs, () => `${description}: ${this.#describe()}`)
    } finally {
      stdout.off('data', onOutput)
      stderr.off('data', onOutput)
    }
  }

  #describe(): string {
    const { exitCode, signalCode, spawnargs } = this.#process
    const state = signalCode ?? (exitCode === null ? 'running' : `exit code ${exitCode}`)
    return `${spawnargs.join(' ')} (pid ${this.pid}, ${state})\nstdout: ${this.stdout}\nstderr: ${this.stderr}`
  }
}

function countListeners(args: readonly string[]): number {
  return Math.max(1, args.filter((arg) => /^--listen(=|$)/.test(arg)).length)
}

const openPrograms = new Set<Program>()

/**
 * A test that throws, or that someone stops with Ctrl-C, never comes to its `close()`, and the session
 * of its own keeps the terminal's signals away from the pool. So the test's exit is the last chance.
 */
function closeWithTest(program: Program): void {
  if (process.listenerCount('exit', killOpenPrograms) === 0) {
    process.on('exit', killOpenPrograms)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => process.exit(128 + constants.signals[signal]))
    }
  }
  openPrograms.add(program)
}

function killOpenPrograms(): void {
  for (const program of openPrograms) program.killNow()
}
