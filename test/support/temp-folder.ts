import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A fresh, empty folder that goes with its scope: `using folder = tempFolder()`. */
export function tempFolder(): Disposable & { readonly path: string; file(name: string): string } {
  // Short, since unix paths in it have to fit into 107 bytes.
  const path = mkdtempSync(join(tmpdir(), 'ft-'))
  return {
    path,
    file: (name) => join(path, name),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}
