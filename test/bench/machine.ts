import { availableParallelism, cpus, loadavg, release } from 'node:os'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly kernel: string
  readonly node: string
  /** More than a fraction of a core is somebody else's work, and it is in the figures. */
  readonly loadAverageBefore: number
}

export const describeMachine = (): Machine => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  kernel: release(),
  node: process.version,
  loadAverageBefore: loadavg()[0] ?? Number.NaN,
})

export const machineLine = ({ cpu, cores, kernel, node, loadAverageBefore }: Machine): string =>
  `${cores} x ${cpu}, Linux ${kernel}, Node ${node}, load ${loadAverageBefore.toFixed(2)}`
