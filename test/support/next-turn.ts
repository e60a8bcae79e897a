import { setImmediate as immediate } from 'node:timers/promises'

/**
 * For a handler before it writes its first bytes: in the next turn of its event loop the pool knows that it waits. Otherwise a client that is quicker may
 * find this thread about to say so, and its next connection goes to it instead of to an idle one.
 */
export async function nextTurn(): Promise<void> {
  await immediate()
  await immediate()
}
