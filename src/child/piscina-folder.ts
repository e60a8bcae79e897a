import { dirname } from 'node:path'
import { entryFile } from '../shared/entry-files.js'

/**
 * Where piscina finds the `worker.js` in which its threads begin. It takes its own folder for that, but stands in a bundle: there this is
 * put in the place of its `__dirname` (package.json, "bundle:child").
 */
export const __dirname = dirname(entryFile('thread/worker.js'))
