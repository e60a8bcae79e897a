/**
 * Signals that mean something to the command: from its first moment on none of them does what it does by default (end, stop, start an
 * inspector). What comes before somebody obeys is kept.
 *
 * What each does: `serve.ts` for those that end the pool, `obey.ts` for the others.
 */
const MEANT = [
  'SIGINT',
  'SIGTERM',
  'SIGQUIT',
  'SIGHUP',
  'SIGUSR1',
  'SIGUSR2',
  'SIGTTIN',
  'SIGTTOU',
] as const
export type MeantSignal = (typeof MEANT)[number]

const early: MeantSignal[] = []
let obey = (signal: MeantSignal): void => void early.push(signal)
const hear = (signal: NodeJS.Signals): void => obey(signal as MeantSignal)
for (const signal of MEANT) process.on(signal, hear)

/** Calls `act` with each signal from now on, and with those that have come already. */
export function onSignal(act: (signal: MeantSignal) => void): void {
  obey = act
  for (const signal of early.splice(0)) act(signal)
}

/** For commands that serve nothing: signals do what they do to any other. */
export function giveSignalsBack(): void {
  for (const signal of MEANT) process.off(signal, hear)
  for (const signal of early.splice(0)) process.kill(process.pid, signal)
}
