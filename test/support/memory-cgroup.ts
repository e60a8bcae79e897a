import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { until } from './until.js'

const V1 = '/sys/fs/cgroup/memory'
const V2 = '/sys/fs/cgroup'

/** A group of processes that may have so much memory; the kernel ends one of them when they want more. */
export interface MemoryCgroup extends AsyncDisposable {
  /** A command that puts itself into the group and becomes what follows. */
  readonly launcher: readonly string[]
}

/** `undefined` where this user can't make one. */
export function memoryCgroup(bytes: number): MemoryCgroup | undefined {
  const isV1 = existsSync(`${V1}/memory.limit_in_bytes`)
  const folder = `${isV1 ? V1 : V2}/forkthread-test-${process.pid}`
  try {
    mkdirSync(folder)
  } catch {
    return undefined
  }
  const remove = (): boolean => {
    try {
      rmdirSync(folder)
      return true
    } catch {
      return false
    }
  }
  try {
    writeFileSync(`${folder}/${isV1 ? 'memory.limit_in_bytes' : 'memory.max'}`, String(bytes))
    const swap = `${folder}/${isV1 ? 'memory.memsw.limit_in_bytes' : 'memory.swap.max'}`
    if (existsSync(swap)) writeFileSync(swap, isV1 ? String(bytes) : '0')
  } catch {
    remove()
    return undefined
  }
  const procs = `${folder}/cgroup.procs`
  return {
    launcher: ['sh', '-c', `echo $$ > ${procs} && exec "$@"`, 'sh'],
    [Symbol.asyncDispose]: async () => {
      await until(() => readFileSync(procs, 'utf8') === '' && remove(), 20_000, 'an empty group')
    },
  }
}
