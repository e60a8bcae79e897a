import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * The folder of the package. This file runs as build/test/support/paths.js, so the root is
 * three folders up, whatever the working directory of the test is.
 */
export const packageRoot = fileURLToPath(new URL('../../..', import.meta.url))

/** The command itself, as `npm install` would link it. */
export const cliPath = join(packageRoot, 'dist', 'cli.cjs')

/** The compiled form of `test/fixtures/NAME.ts`. */
export function fixture(name: string): string {
  return join(packageRoot, 'build', 'test', 'fixtures', `${name}.js`)
}

/** A file of `examples/NAME`: its handler module, unless another one is asked for. */
export function example(name: string, file = 'app.js'): string {
  return join(packageRoot, 'examples', name, file)
}
