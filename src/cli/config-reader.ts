import { parentPort, workerData } from 'node:worker_threads'
import { defaultOf, understandTypeScript } from '../shared/typescript.js'

// A thread that lives as long as it takes to import a configuration file, which is thus read anew with all that it imports.

await understandTypeScript(workerData as string)
const options = defaultOf((await import(workerData as string)) as object)
parentPort?.postMessage(sendable(options))

/** A URL can't be sent to another thread; options take its text as well. */
function sendable(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, option]) => [
      name,
      option instanceof URL ? option.href : option,
    ]),
  )
}
