import { declareOptional } from './libc.js'

// Node exports V8, itself and libuv to add-ons, and so to koffi. The first two names are mangled by the C++ ABI of Linux.
const currentIsolate = declareOptional<[], unknown>('void *_ZN2v87Isolate10GetCurrentEv()')
const loopOf = declareOptional<[unknown], unknown>(
  'void *_ZN4node19GetCurrentEventLoopEPN2v87IsolateE(void *isolate)',
)
const backendOf = declareOptional<[unknown]>('int uv_backend_fd(void *loop)')

/** Whether this Node tells in which epoll instance an event loop sleeps. */
export const knowsEventLoop =
  process.platform === 'linux' &&
  currentIsolate !== undefined &&
  loopOf !== undefined &&
  backendOf !== undefined

/** The epoll instance in which the event loop of this thread sleeps; -1 if that can't be known. */
export function eventLoopDescriptor(): number {
  const loop = knowsEventLoop ? loopOf?.(currentIsolate?.()) : null
  return loop == null ? -1 : (backendOf?.(loop) ?? -1)
}
