import { Socket, type SocketConstructorOpts } from 'node:net'
import { closeDescriptor } from '../sys/descriptor.js'

/** Node's own handle of a TCP connection (src/tcp_wrap.cc), as far as it is used here. */
interface TcpHandle {
  readonly open: (fd: number) => number
  readonly close: () => void
}

type TcpHandleClass = new (type: number) => TcpHandle

/** What `net.Server` hands to the constructor of the sockets that it accepts. */
export interface AcceptOptions {
  readonly allowHalfOpen?: boolean | undefined
  readonly pauseOnCreate?: boolean | undefined
  readonly readableHighWaterMark?: number | undefined
  readonly writableHighWaterMark?: number | undefined
}

/** What `net.Socket` takes beside its types: Node's own accept makes its sockets so (lib/net.js, onconnection). */
interface HandleOptions extends SocketConstructorOpts, AcceptOptions {
  readonly allowHalfOpen?: boolean | undefined
  readonly handle: TcpHandle
  /** Nothing is read yet. */
  readonly manualStart?: boolean
  readonly emitClose?: false
  readonly autoDestroy?: true
  readonly decodeStrings?: false
}

/** `TCPConstants.SOCKET` of src/tcp_wrap.cc: a connection, not a listener. It names the handle for `async_hooks`. */
const CONNECTION = 0

let tcpHandleClass: TcpHandleClass | undefined
let hasLooked = false

/**
 * A socket of this event loop on a descriptor. `undefined` if it can't be one (the peer may be gone, and the system no longer
 * knows the socket); the descriptor is closed then.
 *
 * Of one that certainly is a TCP connection, `isTcp`, the socket is made as Node's accept makes it, with a handle. `new Socket({ fd })`
 * asks the kernel first what the descriptor is (`uv_guess_handle`): four system calls for each connection. No module exports the
 * class of the handle, but a socket has one: the first connection of a thread is made by its descriptor, and tells the class. Where
 * anything is not as it is in Node 20 to 26, all are made by their descriptors.
 */
export function wrapDescriptor(
  fd: number,
  isTcp: boolean,
  options: AcceptOptions,
): Socket | undefined {
  if (isTcp && tcpHandleClass !== undefined) {
    const handle = new tcpHandleClass(CONNECTION)
    if (handle.open(fd) === 0) return wrapHandle(handle, options)
    handle.close()
  }
  const socket = wrapUnknown(fd, options)
  if (isTcp && socket !== undefined && !hasLooked) {
    hasLooked = true
    tcpHandleClass = usableClassOf(socket)
  }
  return socket
}

/**
 * All properties in one literal, and also those three that the constructor sets by itself: it does so in a copy, and where they are new to that V8 of Node 20
 * has to find a way anew for each, which takes 5 to 9 microseconds; else it is half a microsecond.
 */
function wrapHandle(handle: TcpHandle, options: AcceptOptions): Socket | undefined {
  const { allowHalfOpen, pauseOnCreate, readableHighWaterMark, writableHighWaterMark } = options
  const settings: HandleOptions = {
    handle,
    allowHalfOpen,
    pauseOnCreate,
    readable: true,
    writable: true,
    readableHighWaterMark,
    writableHighWaterMark,
    emitClose: false,
    autoDestroy: true,
    decodeStrings: false,
  }
  try {
    return new Socket(settings)
  } catch {
    // The descriptor is the handle's by now.
    handle.close()
    return undefined
  }
}

function wrapUnknown(fd: number, options: AcceptOptions): Socket | undefined {
  try {
    return new Socket({ ...options, fd })
  } catch {
    closeDescriptor(fd)
    return undefined
  }
}

/** The class of this socket's handle, if sockets can be made of it in this Node. */
function usableClassOf(socket: Socket): TcpHandleClass | undefined {
  const handle = handleOf(socket)
  const found = handle?.constructor as TcpHandleClass | undefined
  if (found?.name !== 'TCP' || typeof handle?.open !== 'function') return undefined
  return makesSockets(found) ? found : undefined
}

/** Tried without a descriptor, which would be lost if this Node took the handle for something else. */
function makesSockets(found: TcpHandleClass): boolean {
  try {
    const handle = new found(CONNECTION)
    const options: HandleOptions = { handle, manualStart: true }
    const socket = new Socket(options as SocketConstructorOpts)
    const isTaken = handleOf(socket) === handle
    if (!isTaken) handle.close()
    socket.destroy()
    return isTaken
  } catch {
    return false
  }
}

function handleOf(socket: Socket): TcpHandle | undefined {
  const { _handle } = socket as Socket & { readonly _handle?: TcpHandle | null }
  return _handle ?? undefined
}
