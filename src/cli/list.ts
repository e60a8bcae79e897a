import { addressesOf, runningPools } from './find-pool.js'

/** `forkthread list`: the pools of this user that run here, a line each. */
export async function list(isJson: boolean): Promise<number> {
  const pools = await runningPools()
  if (isJson) {
    const lines = pools.map(({ pid, admin, stats }) => ({ pid, admin, ...summaryOf(stats) }))
    process.stdout.write(`${JSON.stringify(lines, undefined, 2)}\n`)
    return 0
  }
  if (pools.length === 0) {
    console.error('no pool of this user runs here')
    return 0
  }
  for (const { pid, stats } of pools) {
    const { processes, threads, uptimeMs } = summaryOf(stats)
    const size = `${counted(processes, 'process', 'processes')}, ${counted(threads, 'thread', 'threads')}`
    const seconds = Math.round(uptimeMs / 1000)
    process.stdout.write(
      `${String(pid).padStart(7)}  ${addressesOf(stats)}  ${size}, ${seconds} s\n`,
    )
  }
  return 0
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`
}

type Summarised = Parameters<typeof addressesOf>[0]

function summaryOf(stats: Summarised) {
  const { generation, uptimeMs, listeners, processes } = stats
  return {
    ...{ generation, uptimeMs, addresses: listeners.map(({ address }) => address) },
    processes: processes.length,
    threads: processes.reduce((sum, { threads }) => sum + threads.length, 0),
  }
}
