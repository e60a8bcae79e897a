import { constants, IPPROTO_TCP } from './constants.js'
import { declare } from './libc.js'

const getsockopt = declare<[number, number, number, Uint8Array, Uint32Array]>(
  'int getsockopt(int fd, int level, int name, void *value, void *length)',
)

/** struct tcp_info of include/uapi/linux/tcp.h, as far as `tcpi_bytes_received` (Linux 4.1). */
const TCP_INFO_BYTES = 136
const LAST_DATA_RECV = 52
const BYTES_RECEIVED = 128

const bytes = new Uint8Array(TCP_INFO_BYTES)
const info = new DataView(bytes.buffer)
const length = new Uint32Array(1)
const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** The descriptor is no TCP connection of a Linux that tells what is asked for. */
export const NO_TCP = -2

/**
 * For how many ms the last bytes of the peer have been here, in the kernel or read; negative if that can't be known: -1 if nothing has come
 * yet, else `NO_TCP`. As fine as the kernel's clock, 1 to 10 ms (by CONFIG_HZ).
 */
export function sinceDataMs(fd: number): number {
  if (constants.TCP_INFO === undefined) return NO_TCP
  length[0] = TCP_INFO_BYTES
  if (getsockopt(fd, IPPROTO_TCP, constants.TCP_INFO, bytes, length) !== 0) return NO_TCP
  if ((length[0] ?? 0) < TCP_INFO_BYTES) return NO_TCP
  // A connection without a byte has been silent since its handshake, and that is nobody's waiting for a thread.
  if (info.getBigUint64(BYTES_RECEIVED, isLittleEndian) === 0n) return -1
  return info.getUint32(LAST_DATA_RECV, isLittleEndian)
}
