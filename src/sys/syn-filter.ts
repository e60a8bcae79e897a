import { constants } from './constants.js'
import { koffi } from './koffi.js'
import { declare } from './libc.js'

/** struct sock_filter (include/uapi/linux/filter.h): code, jump if true, jump if false, operand. */
type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, operand: number]

/**
 * For each segment that reaches the listening socket, from its TCP header on: drop it if it opens a connection (SYN without
 * ACK), and let all others pass.
 */
const PROGRAM: readonly Instruction[] = [
  [0x30, 0, 0, 13], // load byte 13, the flags
  [0x54, 0, 0, 0x12], // keep SYN and ACK
  [0x15, 0, 1, 0x02], // SYN alone?
  [0x06, 0, 0, 0], // drop
  [0x06, 0, 0, 0xffffffff], // pass
]
const INSTRUCTION_BYTES = 8

koffi.struct('forkthread_sock_fprog', { length: 'uint16_t', instructions: 'void *' })
const setsockopt = declare<[number, number, number, object, number]>(
  'int setsockopt(int fd, int level, int name, forkthread_sock_fprog *program, unsigned int size)',
)
const PROGRAM_BYTES = koffi.sizeof('forkthread_sock_fprog')

/**
 * Makes a listening TCP socket deaf to new connections, without a word to the client, which tries again after a second. Those whose
 * handshake has begun get through. Only thus can a backlog be emptied before the socket closes: what comes after the last
 * `accept` would be reset. For all who share the socket, and for ever.
 * Does nothing where the system can't do it (it is there since Linux 2.2; sandboxes may lack it).
 */
export function ignoreNewConnections(fd: number): void {
  if (constants.SO_ATTACH_FILTER === undefined) return
  const bytes = new Uint8Array(PROGRAM.length * INSTRUCTION_BYTES)
  const view = new DataView(bytes.buffer)
  for (const [index, [code, jumpTrue, jumpFalse, operand]] of PROGRAM.entries()) {
    const at = index * INSTRUCTION_BYTES
    view.setUint16(at, code, true)
    view.setUint8(at + 2, jumpTrue)
    view.setUint8(at + 3, jumpFalse)
    view.setUint32(at + 4, operand, true)
  }
  const program = { length: PROGRAM.length, instructions: bytes }
  setsockopt(fd, constants.SOL_SOCKET, constants.SO_ATTACH_FILTER, program, PROGRAM_BYTES)
}
