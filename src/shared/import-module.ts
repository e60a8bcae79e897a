/**
 * `import` of what is known only at run time. The code of a worker thread begins as a script (thread.ts), in which Node does not do that: who loads it
 * lends its own.
 */
let own = (url: string): Promise<unknown> => import(url)

export function importsBy(other: (url: string) => Promise<unknown>): void {
  own = other
}

export async function importModule<Module>(url: string): Promise<Module> {
  return (await own(url)) as Module
}
