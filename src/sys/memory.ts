import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setCloseOnExec } from './descriptor.js'
import { koffi } from './koffi.js'
import { check, declare, declareOptional } from './libc.js'

const mmap = declare<[null, number, number, number, number, number], unknown>(
  'void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)',
)
const memfd_create = declareOptional<[string, number]>(
  'int memfd_create(const char *name, unsigned int flags)',
)

const PROT_READ_WRITE = 3
const MAP_SHARED = 1
const MAP_FAILED = 0xffff_ffff_ffff_ffffn
const MFD_CLOEXEC = 1

/**
 * A descriptor of `bytes` zeroed bytes of memory without a name in the file system: `memfd` on Linux (no
 * disk behind it, so no write-back ever stalls a store), elsewhere a file that is unlinked at once.
 */
export function createSharedMemory(name: string, bytes: number): number {
  const fd =
    memfd_create === undefined
      ? openUnlinkedFile(name)
      : check(memfd_create(name, MFD_CLOEXEC), 'memfd_create', name)
  try {
    ftruncateSync(fd, bytes)
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return fd
}

/**
 * Maps shared memory into this process. Every thread needs a mapping call of its own, since an ArrayBuffer
 * can't be shared; all see the same bytes. The mapping stays until the process ends: a view that
 * outlived it would crash the process.
 */
export function mapSharedMemory(fd: number, bytes: number): ArrayBuffer {
  const address = mmap(null, bytes, PROT_READ_WRITE, MAP_SHARED, fd, 0)
  check(koffi.address(address) === MAP_FAILED ? -1 : 0, 'mmap', `descriptor ${fd}`)
  return koffi.view(address, bytes)
}

function openUnlinkedFile(name: string): number {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`))
  try {
    const fd = openSync(join(folder, 'memory'), 'wx+', 0o600)
    setCloseOnExec(fd)
    return fd
  } finally {
    rmSync(folder, { recursive: true })
  }
}
