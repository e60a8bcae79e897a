import { boundAddress } from '../sys/socket.js'

export type ListenerAddress = ReturnType<typeof boundAddress>

/** Where each listener is bound. Asked once, when the child starts: a thread may start while the child leaves and has closed them. */
export function listenerAddresses(listeners: readonly number[]): readonly ListenerAddress[] {
  return listeners.map((fd) => boundAddress(fd))
}
