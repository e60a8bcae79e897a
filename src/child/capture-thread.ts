import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { Session } from 'node:inspector'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeInspector } from '../shared/node-modules.js'

/** A thread that sleeps in C code answers nothing. */
const ANSWER_MS = 30_000

/** As much of a thread as this needs. */
export interface CapturedThread {
  /** Node's id. */
  readonly threadId: number
  heapSnapshot(): Promise<Readable>
}

/** What one says to the inspector of a thread. */
interface ThreadSession {
  post(method: string): Promise<Record<string, unknown>>
}

interface Answer {
  readonly id?: number
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
}

/**
 * Profiles a thread of this process for so many seconds, or takes a snapshot of its heap; returns the path of a file that DevTools open, in a
 * folder that only this user may read. The caller removes both. The thread need not cooperate, and is slower meanwhile; a snapshot
 * stops it for about a second for each 100 MB.
 */
export async function captureThread(
  worker: CapturedThread,
  kind: 'profile' | 'heap',
  seconds: number,
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'forkthread-capture-'))
  try {
    return await captureInto(folder, worker, kind, seconds)
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

async function captureInto(
  folder: string,
  worker: CapturedThread,
  kind: 'profile' | 'heap',
  seconds: number,
): Promise<string> {
  if (kind === 'heap') {
    const path = join(folder, 'x.heapsnapshot')
    // By the inspector it would be JSON in JSON, which takes several times as long.
    await pipeline(await worker.heapSnapshot(), createWriteStream(path))
    return path
  }
  return await withThread(worker.threadId, async (thread) => {
    await thread.post('Profiler.enable')
    await thread.post('Profiler.start')
    await sleep(seconds * 1000)
    const { profile } = await thread.post('Profiler.stop')
    const path = join(folder, 'x.cpuprofile')
    writeFileSync(path, JSON.stringify(profile))
    return path
  })
}

async function withThread<T>(
  threadId: number,
  use: (thread: ThreadSession) => Promise<T>,
): Promise<T> {
  const session = new (nodeInspector().Session)()
  session.connect()
  try {
    const sessionId = await attach(session, threadId)
    const waiting = new Map<number, (answer: Answer) => void>()
    let last = 0
    session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
      if (params.sessionId !== sessionId) return
      const answer = JSON.parse(params.message) as Answer
      if (answer.id !== undefined) waiting.get(answer.id)?.(answer)
    })
    return await use({
      post: async (method) => {
        last++
        const id = last
        const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve))
        const message = JSON.stringify({ id, method })
        session.post('NodeWorker.sendMessageToWorker', { sessionId, message })
        return resultOf(method, await withLimit(answered))
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
  return (await withLimit(attached)) ?? ''
}

async function withLimit<T>(promise: Promise<T>): Promise<T | undefined> {
  const timer = new AbortController()
  try {
    const late = sleep(ANSWER_MS, undefined, { signal: timer.signal }).catch(() => undefined)
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
