import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { deserializeError, fail, type SerializedError } from '../../shared/errors.js'
import { folderForChildren } from '../../shared/start-folder.js'
import type { DescriptorEnds } from '../../sync/descriptor-ends.js'
import type { Listener } from '../binding/listener.js'
import { forSuccessor } from '../systemd/systemd-environment.js'
import { type HandedOver, startReport, UPGRADE_VARIABLE } from './handed-over.js'

/** Beyond the patience that the new parent has with its own children. */
const PATIENCE_MS = 10_000

/** Descriptors 0 to 2 are the usual ones. */
const CHANNEL = 3
const FIRST_LISTENER = CHANNEL + 1

export interface UpgradeOptions {
  /** The program to start; by default the node that runs this one. */
  readonly execPath?: string
  /** Flags for node; by default those of this process. */
  readonly execArgv?: readonly string[]
  /** The script and its arguments; by default those of this process. */
  readonly argv?: readonly string[]
}

export interface Inheritance {
  /** Where the handler is served. */
  readonly listeners: readonly Listener[]
  /** Where this parent itself answers. */
  readonly own: readonly Listener[]
  readonly passOn: number | undefined
  readonly ticketKeys: number
  readonly transfer: DescriptorEnds | undefined
  readonly counts: number
  /** The path of this parent's pid file. */
  readonly pidFile: string | undefined
}

export interface SuccessionTerms {
  /** The patience that the new parent has with its own children. */
  readonly startTimeout: number
  /** How long it must stay up. */
  readonly trialMs: number
  /** Asks the new parent to stop; it may serve already. */
  readonly stop: AbortSignal
  /** After `stop`: the new parent is to end at once. */
  readonly hurry: AbortSignal
}

/**
 * Starts a new parent, which inherits the listeners, and waits until it serves and has stayed up for `trialMs`. Then calls `handOver`
 * with its pid, the listeners that it serves (its configuration may lack some) and whether it goes on with idle connections, in the same turn:
 * `stop` comes before or after.
 * Resolves with the pid.
 * @throws FT_ERR_UPGRADE, with what the new parent failed of as its cause: it is gone then; the reason of `stop`
 */
export async function startSuccessor(
  inheritance: Inheritance,
  options: UpgradeOptions,
  { startTimeout, trialMs, stop, hurry }: SuccessionTerms,
  handOver: (pid: number, taken: readonly Listener[], receives: boolean) => void,
): Promise<number> {
  stop.throwIfAborted()
  // The first process of a container ends it.
  if (process.pid === 1) throw fail('FT_ERR_UPGRADE', ['a parent with pid 1 can have no successor'])
  const started = spawnParent(inheritance, options)
  const settled = new AbortController()
  const aborted = new Promise<never>((_, reject) => {
    const options = { once: true, signal: settled.signal }
    stop.addEventListener('abort', () => reject(stop.reason), options)
  })
  const proven = untilReady(started, startTimeout + PATIENCE_MS).then(async (report) => {
    await staysUp(started, trialMs)
    return report
  })
  try {
    const { taken, receives } = await Promise.race([proven, aborted])
    // It may have come in the last moment.
    stop.throwIfAborted()
    started.unref()
    const { pid = 0 } = started
    const isTaken = (index: number): boolean => taken.includes(FIRST_LISTENER + index)
    handOver(
      pid,
      [...inheritance.listeners, ...inheritance.own].filter((_, index) => isTaken(index)),
      receives,
    )
    return pid
  } catch (error) {
    if (!stop.aborted) started.kill('SIGKILL')
    else {
      askToStop(started, hurry)
      await proven.catch(() => undefined)
    }
    throw error
  } finally {
    settled.abort()
    started.stdio[CHANNEL]?.destroy()
  }
}

/** With the signals for which the command has these meanings. Were it killed, its children would finish what they have. */
function askToStop(started: ChildProcess, hurry: AbortSignal): void {
  started.kill(hurry.aborted ? 'SIGQUIT' : 'SIGTERM')
  hurry.addEventListener('abort', () => started.kill('SIGQUIT'), { once: true })
}

function spawnParent(
  { listeners, own, passOn, ticketKeys, transfer, counts, pidFile }: Inheritance,
  options: UpgradeOptions,
): ChildProcess {
  const {
    execPath = nodePath(),
    execArgv = process.execArgv,
    argv = process.argv.slice(1),
  } = options
  const all = [...listeners, ...own]
  const descriptors = all.map(({ fd }) => fd)
  // The number that a descriptor of this process will have there.
  const hand = (fd: number): number => FIRST_LISTENER + descriptors.push(fd) - 1
  const handedOver: HandedOver = {
    channel: CHANNEL,
    listeners: all.map(({ origin }, index) => {
      const serves = index < listeners.length
      return { fd: FIRST_LISTENER + index, origin, serves }
    }),
    pid: process.pid,
    ticketKeys: hand(ticketKeys),
    counts: hand(counts),
    ...(pidFile === undefined ? {} : { pidFile }),
    ...(passOn === undefined ? {} : { passOn: hand(passOn) }),
    ...(transfer === undefined
      ? {}
      : { transfer: { sendEnd: hand(transfer.sendEnd), receiveEnd: hand(transfer.receiveEnd) } }),
  }
  return spawn(execPath, [...execArgv, ...argv], {
    cwd: folderForChildren(),
    env: { ...forSuccessor(process.env), [UPGRADE_VARIABLE]: JSON.stringify(handedOver) },
    stdio: ['inherit', 'inherit', 'inherit', 'pipe', ...descriptors],
  })
}

/** An update may have put another node in the place of this one, or taken it away in favour of one found by its name. */
function nodePath(): string {
  return existsSync(process.execPath) ? process.execPath : process.argv0
}

/** Resolves with what it has taken over. */
async function untilReady(started: ChildProcess, patienceMs: number): Promise<ReadyReport> {
  let text = ''
  const channel = started.stdio[CHANNEL] as Readable
  return await new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(fail('FT_ERR_UPGRADE', [`it was not ready within ${patienceMs} ms`])),
      patienceMs,
    )
    const settled = (): void => clearTimeout(late)
    started.once('error', (error) => {
      settled()
      reject(fail('FT_ERR_UPGRADE', [`${started.spawnfile} can't be started`], error))
    })
    // Unlike 'exit' it comes after the last word in the channel.
    started.once('close', (code, signal) => {
      settled()
      reject(fail('FT_ERR_UPGRADE', [endOf(code, signal)]))
    })
    channel.setEncoding('utf8')
    channel.on('data', (more: string) => {
      text += more
      // The channel stays open until this parent begins to leave.
      if (!text.endsWith('\n')) return
      const report = readReport(text)
      if (report === undefined) return
      settled()
      if (report.type === 'ready') return resolve(report)
      const error = deserializeError(report.error as SerializedError)
      reject(fail('FT_ERR_UPGRADE', [`the new parent says: ${error.message}`], error))
    })
    channel.on('error', () => undefined)
  })
}

type StartReport = ReturnType<typeof startReport.parse>
type ReadyReport = Extract<StartReport, { readonly type: 'ready' }>

function readReport(text: string): StartReport | undefined {
  try {
    return startReport.parse(JSON.parse(text))
  } catch {
    // It ended without a word: its exit says how.
    return undefined
  }
}

async function staysUp(started: ChildProcess, ms: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const onExit = (code: number | null, signal: NodeJS.Signals | null): void => {
      clearTimeout(timer)
      reject(fail('FT_ERR_UPGRADE', [`${endOf(code, signal)}, though it had been ready`]))
    }
    const timer = setTimeout(() => {
      started.off('exit', onExit)
      resolve()
    }, ms)
    started.once('exit', onExit)
    if (started.exitCode !== null || started.signalCode !== null)
      onExit(started.exitCode, started.signalCode)
  })
}

function endOf(code: number | null, signal: NodeJS.Signals | null): string {
  const how = signal === null ? `exited with status ${code}` : `was killed by ${signal}`
  return `the new parent ${how}`
}
