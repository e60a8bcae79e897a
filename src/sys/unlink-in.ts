import { declare } from './libc.js'

const unlinkat = declare<[number, string, number]>(
  'int unlinkat(int folder, const char *name, int flags)',
)

/** Removes a name from an open folder, wherever that is by now; a missing one is no error. */
export function unlinkIn(folder: number, name: string): void {
  unlinkat(folder, name, 0)
}
