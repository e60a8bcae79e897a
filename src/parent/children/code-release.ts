import { realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fingerprint } from '../../shared/loaded-file.js'

/**
 * What stands for the code of a generation: the file of the handler, where it really is, and the package.json nearest to it. A deployment
 * that replaces neither is not noticed; to look at all files that a handler loads would cost each thread the inspector.
 */
export function releaseOf(handler: string): string {
  const file = realPath(fileURLToPath(new URL(handler)))
  return [file, fingerprint(file), fingerprint(nearestPackage(dirname(file)))].join(' ')
}

/** A file that is gone is another release, too. */
function realPath(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    return file
  }
}

function nearestPackage(folder: string): string {
  const path = join(folder, 'package.json')
  const above = dirname(folder)
  return fingerprint(path) !== '' || above === folder ? path : nearestPackage(above)
}
