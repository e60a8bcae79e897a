import { declare, declareOptional } from './libc.js'

const waitpid = declare<[number, Int32Array, number]>(
  'int waitpid(int pid, void *status, int options)',
)
const prctl = declareOptional<[number, Int32Array]>('int prctl(int option, void *value)')

const WNOHANG = 1
const PR_GET_CHILD_SUBREAPER = 37

/** Takes the exit status of this child process, so that nothing is left of it; false while it runs. True also if it is no child. */
export function reap(pid: number): boolean {
  return waitpid(pid, new Int32Array(1), WNOHANG) !== 0
}

/** Whether processes whose parents are gone become children of this one: as the first of a container, or because it has asked for it. */
export function adoptsOrphans(): boolean {
  if (process.pid === 1) return true
  const value = new Int32Array(1)
  return (
    process.platform === 'linux' && prctl?.(PR_GET_CHILD_SUBREAPER, value) === 0 && value[0] === 1
  )
}
