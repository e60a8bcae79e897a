import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { importModule } from './import-module.js'

const TYPESCRIPT = /\.[mc]?tsx?$/

/**
 * Has this thread load TypeScript where Node itself can't (before 22.18): by tsx, if that is installed beside the module or
 * where the program runs. Without it Node says what it thinks of the file's extension.
 *
 * Not by `--import=tsx`, which does nothing in a thread: tsx looks whether it is in the main one (4.23).
 */
export async function understandTypeScript(url: string): Promise<void> {
  const path = fileURLToPath(url)
  if (!TYPESCRIPT.test(path) || doesNodeUnderstand(path)) return
  for (const place of [path, `${process.cwd()}/`]) {
    const tsx = apiOfTsx(place)
    if (tsx === undefined) continue
    // The one for `import`, the other for `require`.
    const { register } = await importModule<Registrar>(pathToFileURL(tsx.esm).href)
    register()
    const required = await importModule<Registrar>(pathToFileURL(tsx.cjs).href)
    required.register()
    return
  }
}

/** The default export, also of a module that was compiled to CommonJS, which has it one level deeper. */
export function defaultOf(module: object): unknown {
  const { default: outer } = module as { readonly default?: unknown }
  const isCompiled = typeof outer === 'object' && outer !== null && '__esModule' in outer
  return isCompiled ? (outer as { readonly default?: unknown }).default : outer
}

interface Registrar {
  readonly register: () => unknown
}

/** It takes types away, and no more: JSX stays for a loader. */
function doesNodeUnderstand(path: string): boolean {
  const { typescript } = process.features as { readonly typescript?: unknown }
  return Boolean(typescript) && !path.endsWith('x')
}

function apiOfTsx(place: string): { readonly esm: string; readonly cjs: string } | undefined {
  const { resolve } = createRequire(place)
  try {
    // `require` finds the variant for itself; that for `import` stands beside it.
    return {
      esm: resolve('tsx/esm/api').replace(/\.cjs$/, '.mjs'),
      cjs: resolve('tsx/cjs/api').replace(/\.cjs$/, '.mjs'),
    }
  } catch {
    return undefined
  }
}
