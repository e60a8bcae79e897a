import { Session } from 'node:inspector'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { entryFile } from '../shared/entry-files.js'
import { fingerprint, type LoadedFile } from '../shared/loaded-file.js'

/** For both the parsed and the unparsable ones. */
interface ScriptEvent {
  readonly params: { readonly url: string }
}

/** Our own code does not change under a running pool. */
const ourFolder = `${dirname(dirname(entryFile('thread/worker.js')))}/`

/**
 * Tells `report` which files this thread loads, from now on and for good: ES modules, CommonJS modules, those that do not parse, and
 * those that come later. The debugger knows of all of them, whatever loader is in use, on every version of Node.
 */
export function watchLoadedFiles(report: (files: readonly LoadedFile[]) => void): () => void {
  const known = new Set<string>()
  let fresh: LoadedFile[] = []
  const tell = (): void => {
    if (fresh.length > 0) report(fresh)
    fresh = []
  }
  const onScript = ({ params: { url } }: ScriptEvent): void => {
    // CommonJS modules are known by their path.
    const path = url.startsWith('file:') ? fileURLToPath(url) : url
    if (!path.startsWith('/') || path.startsWith(ourFolder) || known.has(path)) return
    known.add(path)
    // Now, and not when somebody hears of it: what comes later is a change.
    if (fresh.push({ path, fingerprint: fingerprint(path) }) === 1) setImmediate(tell)
  }
  const session = new Session()
  session.connect()
  session.on('Debugger.scriptParsed', onScript)
  session.on('Debugger.scriptFailedToParse', onScript)
  session.post('Debugger.enable')
  return tell
}
