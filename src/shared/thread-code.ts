import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'

// To read the code of a worker thread takes V8 7 ms, a quarter of what the thread takes to start. What a thread has made of it serves the
// others of its process as well, which run the same V8: the first one that a child starts later than with itself hands it over, and the
// others begin with it.

/** Common to all threads of this process that start from now on. */
const CACHE = 'forkthread.code'

/** What V8 made of the code of a worker thread, if one has handed it over. */
export function threadCode(): SharedArrayBuffer | undefined {
  const code = getEnvironmentData(CACHE)
  return code instanceof SharedArrayBuffer ? code : undefined
}

export function threadCodeIs(code: SharedArrayBuffer): void {
  setEnvironmentData(CACHE, code)
}
