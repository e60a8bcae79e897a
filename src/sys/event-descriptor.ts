import { check, declareOptional } from './libc.js'

const eventfd = declareOptional<[number, number]>('int eventfd(unsigned int initial, int flags)')
const read = declareOptional<[number, Uint8Array, number]>(
  'long read(int fd, void *buffer, size_t count)',
)
const write = declareOptional<[number, BigUint64Array, number]>(
  'long write(int fd, void *buffer, size_t count)',
)

const EFD_CLOEXEC = 0o2000000
const EFD_NONBLOCK = 0o4000
const EFD_SEMAPHORE = 1
/** Nobody reads so often. */
const ENDLESS = 2n ** 63n
const one = new BigUint64Array([1n])
const count = new Uint8Array(8)

/** Linux: a descriptor that is readable once it was signalled, until it is cleared. Works across processes. */
export function openEventDescriptor(): number {
  return check(eventfd?.(0, EFD_CLOEXEC | EFD_NONBLOCK) ?? -1, 'eventfd', 'pass-on descriptor')
}

export function signalEvent(fd: number): void {
  // It can only fail because it is readable already.
  write?.(fd, one, 8)
}

/** Also when it was not signalled, or somebody else was faster. */
export function clearEvent(fd: number): void {
  read?.(fd, count, 8)
}

/** Linux: a descriptor that is readable for ever, eight bytes at a time. */
export function openEndlessDescriptor(): number {
  const flags = EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE
  const fd = check(eventfd?.(0, flags) ?? -1, 'eventfd', 'listener watch')
  write?.(fd, new BigUint64Array([ENDLESS]), 8)
  return fd
}
