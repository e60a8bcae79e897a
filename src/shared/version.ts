import { createRequire } from 'node:module'

const load = createRequire(import.meta.url)

/** Of the package. By its name, since the code that asks stands in a bundle. */
export function version(): string {
  return (load('forkthread/package.json') as { readonly version: string }).version
}
