import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

type Call = (path: unknown, ...rest: unknown[]) => unknown
type Calls = Record<string, Call>

/** Programs take away what an earlier run has left behind, before they listen or at their end: it would be the pool's own socket. */
const REMOVES = ['unlink', 'rm']

/** And open it to others once they listen: but a path that the pool does not listen at is not there. */
const CHANGES = ['chmod', 'chown']

/**
 * Keeps the socket files of unix listeners from the app of this thread. From the call on, removing one that `isOurs` (told by its
 * absolute path) does nothing, and neither do changes of its rights where nothing is at that path.
 */
export function keepSocketFiles(isOurs: (path: string) => boolean): void {
  const keeps = (path: unknown): boolean => {
    const absolute = absolutePath(path)
    return absolute !== undefined && isOurs(absolute)
  }
  const lacks = (path: unknown): boolean => keeps(path) && !fs.existsSync(path as fs.PathLike)
  for (const [names, skips] of [[REMOVES, keeps] as const, [CHANGES, lacks] as const])
    for (const name of names) {
      replace(fs as unknown as Calls, `${name}Sync`, skips, () => undefined)
      replace(fs.promises as unknown as Calls, name, skips, async () => undefined)
      replace(fs as unknown as Calls, name, skips, (rest) => {
        const done = rest.at(-1)
        if (typeof done === 'function') process.nextTick(done as () => void, null)
      })
    }
  // For modules that import these functions by name.
  syncBuiltinESMExports()
}

function replace(
  owner: Calls,
  name: string,
  skips: (path: unknown) => boolean,
  answer: (rest: readonly unknown[]) => unknown,
): void {
  const own = owner[name]
  if (own === undefined) return
  owner[name] = (path, ...rest) =>
    skips(path) ? answer(rest) : Reflect.apply(own, owner, [path, ...rest])
}

/** Undefined for what is no path, which Node's own function complains about. */
function absolutePath(path: unknown): string | undefined {
  if (typeof path === 'string') return resolve(path)
  if (path instanceof URL) return path.protocol === 'file:' ? fileURLToPath(path) : undefined
  return Buffer.isBuffer(path) ? resolve(path.toString()) : undefined
}
