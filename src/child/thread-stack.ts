import { nodeInspector } from '../shared/node-modules.js'

/**
 * The stack comes in about 50 ms, also from `for (;;);`, later where every processor is busy with such loops; a thread that
 * sleeps in C code gives none.
 */
const STACK_LIMIT_MS = 2000
const MOST_FRAMES = 10

interface CallFrame {
  readonly functionName: string
  readonly location: {
    readonly scriptId: string
    readonly lineNumber: number
    readonly columnNumber: number
  }
}

type DebuggerEvent =
  | {
      readonly method: 'Debugger.scriptParsed'
      readonly params: { readonly scriptId: string; readonly url: string }
    }
  | { readonly method: 'Debugger.paused'; readonly params: { readonly callFrames: CallFrame[] } }
  /** Such as the answer to a command. */
  | { readonly method?: undefined }

/**
 * The JavaScript stack of a thread of this process that need not cooperate; empty if it can't be had.
 *
 * What the other thread tells comes by an interrupt, between any two steps of this one: it may be within Node's own list of timers. So the
 * listeners below set and clear no timer, which would break that list under the hands of who was interrupted. They keep what they are told, and
 * settle a promise: what waits for it runs when this thread has come to an end of its work.
 */
export async function stackOf(
  threadId: number,
  patienceMs = STACK_LIMIT_MS,
): Promise<readonly string[]> {
  const session = new (nodeInspector().Session)()
  session.connect()
  let limit: NodeJS.Timeout | undefined
  try {
    return await new Promise<readonly string[]>((resolve) => {
      let sessionId: string | undefined
      const urls = new Map<string, string>()
      const tell = (method: string): void => {
        const message = JSON.stringify({ id: 1, method })
        if (sessionId !== undefined)
          session.post('NodeWorker.sendMessageToWorker', { sessionId, message })
      }
      // On a busy machine the pause may come later than anybody waits for it: it must not come at all then.
      limit = setTimeout(() => {
        tell('Debugger.disable')
        resolve([])
      }, patienceMs)
      session.on('NodeWorker.attachedToWorker', ({ params }) => {
        // `workerId` counts attachments; the thread's own id stands in the title (Node 20 to 26).
        if (!params.workerInfo.title.startsWith(`[worker ${threadId}]`)) return
        sessionId = params.sessionId
        tell('Debugger.enable')
        tell('Debugger.pause')
      })
      session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
        if (params.sessionId !== sessionId) return
        const event = JSON.parse(params.message) as DebuggerEvent
        // The frames' own `url` is empty (Node 20 to 26).
        if (event.method === 'Debugger.scriptParsed')
          urls.set(event.params.scriptId, event.params.url)
        if (event.method !== 'Debugger.paused') return
        // Without this the thread would never end: terminate() waits for the pause to be over.
        tell('Debugger.disable')
        const frames = event.params.callFrames.slice(0, MOST_FRAMES)
        resolve(frames.map((frame) => describeFrame(frame, urls)))
      })
      session.post('NodeWorker.enable', { waitForDebuggerOnStart: false })
    })
  } finally {
    clearTimeout(limit)
    session.post('NodeWorker.disable')
    session.disconnect()
  }
}

function describeFrame({ functionName, location }: CallFrame, urls: Map<string, string>): string {
  const { scriptId, lineNumber, columnNumber } = location
  const place = `${urls.get(scriptId) ?? ''}:${lineNumber + 1}:${columnNumber + 1}`
  return functionName === '' ? place : `${functionName} (${place})`
}
