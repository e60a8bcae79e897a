import { join } from 'node:path'
import { packageRoot } from '../../support/paths.js'

/** A compiled program or handler of `test/bench/fixtures`. */
export const fixture = (name: string): string =>
  join(packageRoot, 'build', 'test', 'bench', 'fixtures', `${name}.js`)

/** A file of `test/bench/fixtures` in another language, which nobody compiles. */
export const foreignFixture = (file: string): string =>
  join(packageRoot, 'test', 'bench', 'fixtures', file)
