import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'

// koffi's module does nothing else than to find its addon, by what the headers of Node's own file say of this system, and that takes 4 ms:
// so the first process of a pool does, and tells its threads and children the path.

/** Common to all threads of this process. */
const PATH = 'forkthread.koffi'

/** Unless nobody has found it yet. */
export function addonPath(): string | undefined {
  const path = getEnvironmentData(PATH)
  return typeof path === 'string' ? path : undefined
}

export function addonIsAt(path: string): void {
  setEnvironmentData(PATH, path)
}
