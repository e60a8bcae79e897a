import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { type ProcessStat, processTree, readStat } from './process-tree.js'
import type { Server } from './servers.js'

const START_TIMEOUT_MS = 20_000
const STOP_TIMEOUT_MS = 10_000

/** A started competitor; only processes of its own tree are ever signalled, each by its pid. */
export class RunningServer {
  readonly server: Server
  readonly pid: number
  readonly port: number
  readonly #child: ChildProcess

  private constructor(server: Server, child: ChildProcess, pid: number, port: number) {
    this.server = server
    this.pid = pid
    this.port = port
    this.#child = child
  }

  /** Starts it and waits for its ready line. Rejects when it ends first or is not ready in time. */
  static async start(server: Server): Promise<RunningServer> {
    const child = spawn(process.execPath, server.args, { stdio: ['ignore', 'pipe', 'pipe'] })
    // Whatever it complains about should be seen beside the figures, until it is told to stop.
    child.stderr.on('data', complain)
    const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS)
    try {
      await once(child, 'spawn')
      const port = await readyPort(child.stdout)
      if (port === undefined || child.pid === undefined) {
        throw new Error(
          `${server.name} ended or was not ready in ${START_TIMEOUT_MS} ms: node ${server.args.join(' ')}`,
        )
      }
      return new RunningServer(server, child, child.pid, port)
    } finally {
      clearTimeout(timer)
      // Nobody reads on: without this a server that goes on writing would block on a full pipe.
      child.stdout.resume()
    }
  }

  /** Asks it to stop, insists after a while. Returns what had to be killed: it should be nothing. */
  async stop(): Promise<string[]> {
    const tree = processTree(this.pid)
    this.#child.stderr?.off('data', complain).resume()
    this.#child.kill('SIGTERM')
    const deadline = Date.now() + STOP_TIMEOUT_MS
    // The root may go first and its children a moment later, so each is watched.
    let left = tree.filter(lives)
    while (left.length > 0 && Date.now() < deadline) {
      await delay(20)
      left = left.filter(lives)
    }
    for (const { pid } of left) process.kill(pid, 'SIGKILL')
    return left.map(({ pid }) => `${this.server.name}: pid ${pid} outlived TERM and was killed`)
  }
}

const complain = (text: Buffer): void => {
  process.stderr.write(text)
}

/** The port of the ready line; undefined when the output ends without one. */
async function readyPort(output: Readable): Promise<number | undefined> {
  for await (const line of createInterface({ input: output })) {
    const port = /^listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]
    if (port !== undefined) return Number(port)
  }
  return undefined
}

const lives = ({ pid, startTicks }: ProcessStat): boolean =>
  readStat(pid)?.startTicks === startTicks
