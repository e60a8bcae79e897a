import { constants } from 'node:os'
import type { RootContext } from './root-context.js'

/** What Node does with a signal that nobody listens to, where it is not the end of the process. */
const HARMLESS: ReadonlySet<NodeJS.Signals> = new Set([
  'SIGCHLD',
  'SIGCONT',
  'SIGURG',
  'SIGWINCH',
  'SIGPIPE',
] as const)

/** Nobody can listen to these: they are for the whole process, which is what who sends them wants. */
const BEYOND_LISTENING: ReadonlySet<NodeJS.Signals> = new Set(['SIGKILL', 'SIGSTOP'] as const)

/** What a shell reports for a process that a signal has ended. */
const ENDED_BY_SIGNAL = 128

/** How a thread that leaves is told: by the first of these that the app listens to. */
const GOODBYES = ['SIGTERM', 'SIGINT'] as const

/**
 * Threads get no signals, and one that sends its own process a signal means itself: NestJS ends its shutdown hooks that way. So
 * `process.kill(process.pid, …)` reaches the listeners of this thread, or ends it, and the other threads go on.
 */
export function keepSignalsInThread(root: RootContext): void {
  const { kill } = process
  process.kill = (pid: number, signal: string | number = 'SIGTERM'): true => {
    const name = nameOf(signal)
    if (pid !== process.pid || name === undefined || BEYOND_LISTENING.has(name))
      return Reflect.apply(kill, process, [pid, signal])
    // A signal comes when the loop turns.
    root.run(setImmediate, () => receive(name))
    return true
  }
}

/** `process.exit` ends a thread as an exception does that nobody catches, and only here it can be told which it was. */
export function noteExits(exits: (code: number) => void): void {
  const { exit } = process
  process.exit = (code?: number | string | null): never => {
    // Node itself calls it for such an exception, after it has set this.
    const { _exiting: isOver } = process as { readonly _exiting?: unknown }
    if (isOver !== true) exits(Number(code ?? process.exitCode ?? 0))
    return Reflect.apply(exit, process, [code]) as never
  }
}

/** Whether the app listens to what tells that its thread leaves. */
export function isToldOfLeaving(): boolean {
  return goodbye() !== undefined
}

/** Tells the app that its thread leaves, as a signal tells a process. Returns whether it listens. */
export function sayGoodbye(): boolean {
  const signal = goodbye()
  return signal !== undefined && emit(signal)
}

/** As Node does when nothing is left that would keep a process running. Returns whether the app listens. */
export function sayNothingIsLeft(): boolean {
  return process.emit('beforeExit', Number(process.exitCode ?? 0))
}

function goodbye(): NodeJS.Signals | undefined {
  return GOODBYES.find((name) => process.listenerCount(name) > 0)
}

function receive(signal: NodeJS.Signals): void {
  if (!emit(signal) && !HARMLESS.has(signal))
    process.exit(ENDED_BY_SIGNAL + (constants.signals[signal] ?? 0))
}

function emit(signal: NodeJS.Signals): boolean {
  const { emit } = process as { emit: (...args: unknown[]) => boolean }
  return Reflect.apply(emit, process, [signal, signal, constants.signals[signal]])
}

/** Undefined for 0, which only asks, and for what is no signal. */
function nameOf(signal: string | number): NodeJS.Signals | undefined {
  const names = Object.keys(constants.signals) as NodeJS.Signals[]
  if (typeof signal === 'string') return names.find((name) => name === signal)
  return names.find((name) => constants.signals[name] === signal)
}
