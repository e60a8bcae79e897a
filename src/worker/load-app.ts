import { setTimeout as sleep } from 'node:timers/promises'
import type { HandlerContext } from '../handler.js'
import { fail } from '../shared/errors.js'
import type { Lease } from '../shared/thread-starts.js'
import { understandTypeScript } from '../shared/typescript.js'
import type { Adoption } from './adoption.js'
import { type LoadedHandler, loadHandler, pathOf, setUpHandler } from './load-handler.js'
import { becomeMain } from './main-module.js'
import { keepSignalsInThread } from './own-signals.js'
import { refuseClusterForks } from './refuse-cluster.js'
import type { RootContext } from './root-context.js'

/** How often a program that does not listen yet is looked at. */
const LOOK_EVERY_MS = 50

/** A module that exports a handler and has called `listen`, too: how long its host may take to resolve. */
const LOOKUP_MS = 1000

/** The thread's patience ends before that of those who wait for it, since it knows better what is missing. */
const EARLIER = 0.9
const EARLIER_MS = 300

/**
 * Loads the handler module, sets it up, and waits until it can serve: at once if it exports a handler, else when a server of its
 * listens.
 * @throws FT_ERR_HANDLER_LOAD, FT_ERR_HANDLER_EXPORT, FT_ERR_CLUSTER
 */
export async function loadApp(
  { handler: url, args, listenWithinMs }: Lease,
  root: RootContext,
  adoption: Adoption,
  context: HandlerContext,
): Promise<LoadedHandler> {
  becomeMain(url, args)
  keepSignalsInThread(root)
  refuseClusterForks(url)
  await understandTypeScript(url)
  const before = activeResources()
  const loaded = await loadHandler(url)
  await root.run(setUpHandler, url, loaded, context)
  if (loaded.kind === 'server' && !adoption.isAsked) adoption.adoptExported(loaded.server)
  if (loaded.kind !== 'none') {
    if (adoption.isAsked)
      await Promise.race([adoption.ready(), sleep(LOOKUP_MS, undefined, { ref: false })])
    return loaded
  }
  const deadline = Math.max(listenWithinMs * EARLIER - EARLIER_MS, listenWithinMs / 2)
  let wasAlive = true
  while (!adoption.isReady) {
    await Promise.race([adoption.ready(), sleep(LOOK_EVERY_MS)])
    const isAlive = adoption.isAsked || activeResources() > before
    // Twice, since one thing may end a moment before the next begins.
    const isOver = !isAlive && !wasAlive
    wasAlive = isAlive
    if (adoption.isReady || (!isOver && performance.now() < deadline)) continue
    const until = adoption.hasOwn
      ? 'but for port 0 or a descriptor, which is for use inside the thread: let it listen at process.env.PORT'
      : isOver
        ? 'and waits for nothing that would'
        : 'within startTimeout'
    throw fail('FT_ERR_HANDLER_EXPORT', [pathOf(url), loaded.found, until])
  }
  return loaded
}

/** What would keep a program running that has nothing else to do; what is unref'd does not count. */
function activeResources(): number {
  return process.getActiveResourcesInfo().length
}
