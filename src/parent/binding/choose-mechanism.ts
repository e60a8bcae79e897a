import type { Settings } from '../../options/options.js'
import { metaOf } from '../../options/schema.js'
import { fail } from '../../shared/errors.js'
import { hasEpoll } from '../../sys/epoll.js'
import { knowsEventLoop } from '../../sys/event-loop.js'
import { hasOfdLocks } from '../../sys/file-lock.js'

/**
 * Up to so many, leaving the mutex out was measured to be no worse: neither the evenness over processes nor the longest waits
 * differ (test/bench/balance.ts, 2, 4 and 8 processes). Beyond, it is not known.
 */
const FEW_PROCESSES = 8

/** Each thread watches the listeners in its own event loop, exclusively. */
const canWatch = hasEpoll && knowsEventLoop

/**
 * Which mechanism `acceptMutex` stands for here. `auto` leaves the mutex out where the classic advice allows it: with a
 * single listener there is no poll whose answer could be stale for another port, and with the kernel's exclusive
 * wake-up few processes are no herd.
 * @throws FT_ERR_OPTION for `none` where the kernel has no exclusive wake-up or Node does not tell where its event loops sleep, for `fcntl` where its locks belong to the
 *   process and not to the open file description
 */
export function chooseMechanism(settings: Settings, listeners: number): 'flock' | 'fcntl' | 'none' {
  const { acceptMutex, acceptPermits, processes } = settings
  const isMissing =
    (acceptMutex === 'none' && !canWatch) || (acceptMutex === 'fcntl' && !hasOfdLocks)
  if (isMissing)
    throw fail('FT_ERR_OPTION', ['acceptMutex', acceptMutex, metaOf('acceptMutex').allowed])
  if (acceptMutex !== 'auto') return acceptMutex
  // Whoever asks for permits wants the semaphore.
  const isNeedless = listeners === 1 && processes.max <= FEW_PROCESSES && acceptPermits === 1
  return canWatch && isNeedless ? 'none' : 'flock'
}
