import { realpathSync } from 'node:fs'
import Module from 'node:module'
import { fileURLToPath } from 'node:url'

/** Modules of CommonJS that this thread has loaded, by path. */
const { _cache: loaded } = Module as unknown as { readonly _cache: Record<string, unknown> }

/**
 * Makes the handler module the main one of this thread, as if `node FILE ARGS` had started it: `process.argv`, and in CommonJS
 * `require.main === module`. (`import.meta.main` of Node 24 can't be had: the thread's main module is another one.)
 */
export function becomeMain(url: string, args: readonly string[]): void {
  const path = fileURLToPath(url)
  process.argv = [process.execPath, path, ...args]
  // Node reads this for the `require` of each module, when the module itself is in the cache already (lib/internal/modules/helpers.js).
  const realPath = realpathSync(path)
  Object.defineProperty(process, 'mainModule', {
    get: () => loaded[realPath],
    configurable: true,
    enumerable: true,
  })
}
