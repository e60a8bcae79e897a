import { fail } from './errors.js'

/**
 * The first thing that the command and `createPool` do. What binds, forks and locks is imported after it, since on
 * other systems that import fails by itself, with a message about a missing binary or C function.
 * @throws FT_ERR_PLATFORM
 */
export function requirePlatform(): void {
  if (process.platform !== 'linux' && process.platform !== 'darwin')
    throw fail('FT_ERR_PLATFORM', [process.platform])
}
