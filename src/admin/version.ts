import { readFileSync } from 'node:fs'

/** Of the package. How deep this code lies in it depends on the chunk that it is built into, so the nearest package.json counts. */
export const VERSION = read()

function read(): string {
  for (const path of ['../package.json', '../../package.json', '../../../package.json'])
    try {
      const text = readFileSync(new URL(path, import.meta.url), 'utf8')
      const { version } = JSON.parse(text) as { readonly version?: string }
      if (version !== undefined) return version
    } catch {
      // Not there.
    }
  return '0.0.0'
}
