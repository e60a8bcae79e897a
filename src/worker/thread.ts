import { createRequire } from 'node:module'
import type { Script } from 'node:vm'
import { entryFile } from '../shared/entry-files.js'
import { threadCode } from '../shared/thread-code.js'
import type { Lease } from '../shared/thread-starts.js'
import { codeOf, runScript, scriptOf } from './code-script.js'
import type * as LeaseModule from './lease.js'

// Where a worker thread begins: it runs the bundle of piscina's part and of the lease, with what V8 has made of it in another thread.

const file = entryFile('worker/lease.cjs')

interface Begun {
  readonly lease: typeof LeaseModule.default
  readonly script: WeakRef<Script>
}

function begin(): Begun {
  const script = scriptOf(file, threadCode())
  const { default: lease, importsBy } = runScript(
    script,
    file,
    createRequire(file),
  ) as typeof LeaseModule
  importsBy((url) => import(url))
  // It holds 0.4 MiB that is of no more use, unless it is asked for what it is before the garbage is collected.
  return { lease, script: new WeakRef(script) }
}

const { lease, script } = begin()

/** The task that piscina runs. */
export default (terms: Lease): unknown =>
  lease(terms, (to) => {
    const kept = script.deref()
    if (kept !== undefined) to(codeOf(kept))
  })
