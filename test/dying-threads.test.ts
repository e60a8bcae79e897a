/**
 * A thread that ends while a job of it is in libuv's thread pool sleeps in its event loop until that is done. No connection may go there: the others
 * serve all of them.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { knowsEventLoop } from '#dist/sys/event-loop.js'
import { get } from './support/http.js'
import { ask, connectToIdle, isWhole, report } from './support/mortal.js'
import { serve } from './support/serve.js'
import { tempFolder } from './support/temp-folder.js'
import { until } from './support/until.js'
import { watchingLoops } from './support/watching-loops.js'

const LIMIT_MS = 30_000

/** Who opens it for reading waits until it is released. */
function waitingRoom(): Disposable & { readonly path: string; release(): void } {
  const folder = tempFolder()
  const path = folder.file('fifo')
  execFileSync('mkfifo', [path])
  const release = (): void => closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK))
  const dispose = (): void => {
    release()
    folder[Symbol.dispose]()
  }
  return { path, release, [Symbol.dispose]: dispose }
}

/** Of the thread that spins. Those of a busy machine are silent for half a second, too. */
const BLOCKED_MS = 2000

const ways = [
  ['/throw-after', 'an exception when it had nothing in flight'],
  ['/throw-later', 'an exception when it waited for something'],
  ['/exit', 'process.exit'],
  ['/spin', 'blockedTimeout'],
] as const

if (knowsEventLoop) {
  for (const [path, of] of ways) {
    test(`a thread that dies of ${of} is called no more, though its end takes long`, async () => {
      const blockedTimeout = path === '/spin' ? BLOCKED_MS : 0
      const options = { threads: 2, acceptMutex: 'none', blockedTimeout } as const
      await using serving = await serve('mortal', options)
      using room = waitingRoom()
      const pid = serving.pool.stats().processes[0]?.pid ?? 0
      await until(() => watchingLoops(pid) === 2, LIMIT_MS, 'both threads watch')
      using dying = await connectToIdle(serving)
      dying.write(ask(`/job?fifo=${room.path}&then=${path}`))
      await until(() => watchingLoops(pid) === 1, LIMIT_MS, 'only the other thread watches')
      for (let count = 0; count < 5; count++) assert.is((await get(serving.url)).status, 200)
      assert.is(watchingLoops(pid), 1, 'it has not ended yet, or a third one would watch')
      room.release()
      await report(serving)
      await isWhole(serving, 2, 1)
      await until(() => watchingLoops(pid) === 2, LIMIT_MS, 'two threads watch again')
    })
  }
} else test('skipped: each child has a listener thread here', () => undefined)

test.run()
