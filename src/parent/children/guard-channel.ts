import type { ChildProcess } from 'node:child_process'

/** What Node calls with the bytes that a child has sent. */
interface ChannelHandle {
  onread: ((...args: unknown[]) => unknown) | null
}

/**
 * A handler may write anything to any descriptor of its process, the channel to the parent too. Node parses what comes there inside its
 * own callback, where what it throws could only be caught as an uncaught exception: the parent would end, and with it the pool. It has no
 * public hook for that (Node 20 to 26), so the callback itself is wrapped; a Node that keeps it elsewhere goes on without. Messages of
 * Node's own kind, which hand over sockets, are none that a child of ours sends: those that come are dropped.
 */
export function guardChannel(child: ChildProcess, onBroken: (error: unknown) => void): void {
  child.removeAllListeners('internalMessage')
  const handle = handleOf(child)
  const read = handle?.onread
  if (handle === undefined || typeof read !== 'function') return
  handle.onread = function guarded(this: unknown, ...args) {
    try {
      return read.apply(this, args)
    } catch (error) {
      onBroken(error)
      return undefined
    }
  }
}

function handleOf(child: ChildProcess): ChannelHandle | undefined {
  const key = Object.getOwnPropertySymbols(child).find(
    ({ description }) => description === 'kChannelHandle',
  )
  return key === undefined ? undefined : (child as unknown as Record<symbol, ChannelHandle>)[key]
}
