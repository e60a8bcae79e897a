import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Address, Ready, Server, Transport } from './peers/server.js'
import { type ProcessStat, processTree, readStat } from './process-tree.js'

const START_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 10_000
const ASK_AGAIN_MS = 5

/** A started competitor; only processes of its own tree are ever signalled, each by its pid. */
export class RunningServer {
  readonly server: Server
  readonly pid: number
  readonly addresses: readonly Address[]
  /** From the start of the process until it serves. */
  readonly readyMs: number
  readonly #child: ChildProcess
  readonly #folder: string

  private constructor(
    server: Server,
    child: ChildProcess,
    pid: number,
    folder: string,
    addresses: readonly Address[],
    readyMs: number,
  ) {
    this.server = server
    this.pid = pid
    this.addresses = addresses
    this.readyMs = readyMs
    this.#child = child
    this.#folder = folder
  }

  /**
   * Starts it and waits until it serves. Rejects when it ends first or is not ready in time.
   *
   * @param folder of the whole benchmark; the server gets one of its own in it
   * @param log gets what it writes on standard error, until it is told to stop
   */
  static async start(
    server: Server,
    folder: string,
    log: (text: string) => void,
    transport: Transport = 'tcp',
  ): Promise<RunningServer> {
    mkdirSync(folder, { recursive: true })
    const own = mkdtempSync(join(folder, 's-'))
    const { command, args, cwd, env, ready } = await server.launch(transport, own)
    const startedAt = performance.now()
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd,
      env: { ...process.env, ...env },
    })
    child.stderr.setEncoding('utf8').on('data', log)
    const timeout = new AbortController()
    const timer = setTimeout(() => timeout.abort(), START_TIMEOUT_MS)
    try {
      await once(child, 'spawn')
      const addresses = await readyAddresses(child, ready, timeout.signal)
      if (addresses === undefined || child.pid === undefined) {
        throw new Error(
          `${server.name} ended or was not ready in ${START_TIMEOUT_MS} ms: ${command} ${args.join(' ')}`,
        )
      }
      const readyMs = performance.now() - startedAt
      return new RunningServer(server, child, child.pid, own, addresses, readyMs)
    } catch (error) {
      child.kill('SIGKILL')
      rmSync(own, { recursive: true, force: true })
      throw error
    } finally {
      clearTimeout(timer)
      // Nobody reads on: without this a server that goes on writing would block on a full pipe.
      child.stdout.resume()
    }
  }

  /** Asks it to stop, insists after a while. Returns what had to be killed: it should be nothing. */
  async stop(): Promise<string[]> {
    const tree = processTree(this.pid)
    this.#child.stderr?.removeAllListeners('data').resume()
    this.#child.kill('SIGTERM')
    const deadline = Date.now() + STOP_TIMEOUT_MS
    // The root may go first and its children a moment later, so each is watched.
    let left = tree.filter(lives)
    while (left.length > 0 && Date.now() < deadline) {
      await delay(20)
      left = left.filter(lives)
    }
    for (const { pid } of left) process.kill(pid, 'SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
    return left.map(({ pid }) => `${this.server.name}: pid ${pid} outlived TERM and was killed`)
  }
}

/** Undefined when the server ended, or `signal` came, before it was ready. */
async function readyAddresses(
  child: ChildProcess & { readonly stdout: Readable },
  ready: Ready,
  signal: AbortSignal,
): Promise<readonly Address[] | undefined> {
  signal.addEventListener('abort', () => child.kill('SIGKILL'), { once: true })
  if ('lines' in ready) return readyLines(child.stdout, ready.lines)
  while (child.exitCode === null && child.signalCode === null) {
    if (await answers(ready.answers)) return [ready.answers]
    await delay(ASK_AGAIN_MS)
  }
  return undefined
}

const LINE = /^listening on (?:(?:http|tcp):\/\/127\.0\.0\.1:(\d+)|unix:(.+?))\/?$/

async function readyLines(output: Readable, lines: number): Promise<Address[] | undefined> {
  const addresses: Address[] = []
  for await (const line of createInterface({ input: output })) {
    const [, port, path] = LINE.exec(line) ?? []
    if (port !== undefined) addresses.push({ port: Number(port) })
    if (path !== undefined) addresses.push({ path })
    if (addresses.length === lines) return addresses
  }
  return undefined
}

/** Whether a request gets the whole of an answer, whatever it is. */
function answers(address: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect('path' in address ? address : { ...address, host: '127.0.0.1' })
    let text = ''
    socket.setTimeout(START_TIMEOUT_MS, () => socket.destroy())
    socket.write('GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n')
    socket.setEncoding('latin1').on('data', (chunk) => {
      text += chunk
    })
    // What went wrong is the next attempt's to find out.
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(text.startsWith('HTTP/1.1 200')))
  })
}

const lives = ({ pid, startTicks }: ProcessStat): boolean =>
  readStat(pid)?.startTicks === startTicks
