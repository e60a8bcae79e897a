import { once } from 'node:events'
import { createWriteStream, mkdtempSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A thread that sleeps in C code answers nothing. */
const ANSWER_MS = 30_000

type Listener = (params: Record<string, unknown>) => void

/** What one says to the inspector of a thread. */
interface ThreadSession {
  post(method: string, params?: object, limitMs?: number): Promise<Record<string, unknown>>
  on(event: string, listener: Listener): void
}

interface Answer {
  readonly id?: number
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
  readonly method?: string
  readonly params?: Record<string, unknown>
}

/**
 * Profiles a thread of this process for so many seconds, or takes a snapshot of its heap; returns the path of a file that DevTools open, in a
 * folder that only this user may read. The caller removes both. The thread need not cooperate, and is slower meanwhile; a snapshot
 * stops it for about a second for each 100 MB.
 */
export async function captureThread(
  threadId: number,
  kind: 'profile' | 'heap',
  seconds: number,
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'forkthread-capture-'))
  return await withThread(threadId, async (thread) => {
    if (kind === 'heap') return await takeSnapshot(thread, join(folder, 'x.heapsnapshot'))
    await thread.post('Profiler.enable')
    await thread.post('Profiler.start')
    await sleep(seconds * 1000)
    const { profile } = await thread.post('Profiler.stop')
    const path = join(folder, 'x.cpuprofile')
    writeFileSync(path, JSON.stringify(profile))
    return path
  })
}

async function takeSnapshot(thread: ThreadSession, path: string): Promise<string> {
  const file = createWriteStream(path)
  thread.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => file.write(chunk))
  await thread.post('HeapProfiler.enable')
  await thread.post('HeapProfiler.takeHeapSnapshot', { reportProgress: false }, ANSWER_MS * 10)
  file.end()
  await once(file, 'close')
  return path
}

async function withThread<T>(
  threadId: number,
  use: (thread: ThreadSession) => Promise<T>,
): Promise<T> {
  const session = new Session()
  session.connect()
  try {
    const sessionId = await attach(session, threadId)
    const waiting = new Map<number, (answer: Answer) => void>()
    const listeners = new Map<string, Listener>()
    let last = 0
    session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
      if (params.sessionId !== sessionId) return
      const answer = JSON.parse(params.message) as Answer
      if (answer.id !== undefined) waiting.get(answer.id)?.(answer)
      else listeners.get(answer.method ?? '')?.(answer.params ?? {})
    })
    return await use({
      on: (event, listener) => listeners.set(event, listener),
      post: async (method, params = {}, limitMs = ANSWER_MS) => {
        last++
        const id = last
        const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve))
        const message = JSON.stringify({ id, method, params })
        session.post('NodeWorker.sendMessageToWorker', { sessionId, message })
        return resultOf(method, await withLimit(answered, limitMs))
      },
    })
  } finally {
    session.post('NodeWorker.disable')
    session.disconnect()
  }
}

async function attach(session: Session, threadId: number): Promise<string> {
  const attached = new Promise<string>((resolve) => {
    session.on('NodeWorker.attachedToWorker', ({ params }) => {
      // `workerId` counts attachments; the thread's own id stands in the title (Node 20 to 26).
      if (params.workerInfo.title.startsWith(`[worker ${threadId}]`)) resolve(params.sessionId)
    })
  })
  session.post('NodeWorker.enable', { waitForDebuggerOnStart: false })
  return (await withLimit(attached, ANSWER_MS)) ?? ''
}

async function withLimit<T>(promise: Promise<T>, limitMs: number): Promise<T | undefined> {
  const timer = new AbortController()
  try {
    const late = sleep(limitMs, undefined, { signal: timer.signal }).catch(() => undefined)
    return await Promise.race([promise, late])
  } finally {
    timer.abort()
  }
}

function resultOf(method: string, answer: Answer | undefined): Record<string, unknown> {
  if (answer === undefined) throw new Error(`the thread gives no answer to ${method}`)
  if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`)
  return answer.result ?? {}
}
