import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_EVERY_MS = 20
/** What an app leaves open without a thought, such as a pool of database connections, must not hold every reload. */
const MOST_MS = 3000

/** What this thread has of its own: the channels to the child's main thread, and what it prints to. */
const OURS: ReadonlySet<string> = new Set(['MessagePort', 'TTYWrap', 'PipeWrap'])

/** Resolves when nothing is left that would keep a plain Node process running, as far as that can be told, or after some seconds. */
export async function untilLoopIsIdle(): Promise<void> {
  const endsAt = performance.now() + MOST_MS
  const isBusy = (): boolean => process.getActiveResourcesInfo().some((name) => !OURS.has(name))
  do await sleep(LOOK_EVERY_MS)
  while (isBusy() && performance.now() < endsAt)
}
