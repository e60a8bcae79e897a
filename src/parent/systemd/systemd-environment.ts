import { fail } from '../../shared/errors.js'

/** What systemd tells a service by variables (sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3)). */
const OF_ONE_PROCESS = [
  'LISTEN_PID',
  'LISTEN_PIDFDID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
  'NOTIFY_SOCKET',
  'WATCHDOG_PID',
  'WATCHDOG_USEC',
]

export type Environment = Readonly<Record<string, string | undefined>>

/** The environment for a child: it is not the service, and must neither look for the sockets nor speak for it. */
export function withoutSystemd(environment: Environment): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !OF_ONE_PROCESS.includes(name)),
  )
}

/** The environment for a new parent: it becomes the service, but the numbers of sockets are not true for it. */
export function forSuccessor(environment: Environment): NodeJS.ProcessEnv {
  const { NOTIFY_SOCKET, WATCHDOG_USEC } = environment
  return {
    ...withoutSystemd(environment),
    ...(NOTIFY_SOCKET === undefined ? {} : { NOTIFY_SOCKET }),
    ...(WATCHDOG_USEC === undefined ? {} : { WATCHDOG_USEC }),
  }
}

/** Descriptors are passed from here on. */
const FIRST_FD = 3

export interface PassedSocket {
  readonly fd: number
  readonly name: string
}

/**
 * The sockets that systemd has passed to this process, in the order of its socket units.
 * @throws FT_ERR_SYSTEMD_SOCKETS if there are none, if they are meant for another process, or `wanted` is not among them
 */
export function passedSockets(
  environment: Environment,
  pid: number,
  wanted: string | undefined,
): PassedSocket[] {
  const origin = wanted === undefined ? 'systemd' : `systemd:${wanted}`
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = environment
  if (LISTEN_FDS === undefined || LISTEN_PID === undefined) {
    const missing = LISTEN_FDS === undefined ? 'LISTEN_FDS' : 'LISTEN_PID'
    throw fail('FT_ERR_SYSTEMD_SOCKETS', [origin, `${missing} is not set`])
  }
  // The variables outlive an exec and a fork. Only for the process with this pid are the numbers true.
  if (LISTEN_PID !== String(pid)) {
    const why = `LISTEN_PID is ${LISTEN_PID}, but this process is ${pid}`
    throw fail('FT_ERR_SYSTEMD_SOCKETS', [origin, why])
  }
  if (!/^[1-9]\d{0,3}$/.test(LISTEN_FDS))
    throw fail('FT_ERR_SYSTEMD_SOCKETS', [origin, `LISTEN_FDS is '${LISTEN_FDS}'`])
  const count = Number(LISTEN_FDS)
  const names = LISTEN_FDNAMES?.split(':')
  if (names !== undefined && names.length !== count) {
    const why = `LISTEN_FDS is ${count}, but LISTEN_FDNAMES has ${names.length} names`
    throw fail('FT_ERR_SYSTEMD_SOCKETS', [origin, why])
  }
  const all = Array.from({ length: count }, (_, index) => ({
    fd: FIRST_FD + index,
    name: names?.[index] ?? 'unknown',
  }))
  const found = all.filter(({ name }) => wanted === undefined || name === wanted)
  if (found.length > 0) return found
  const passed = [...new Set(all.map(({ name }) => name))].join(', ')
  throw fail('FT_ERR_SYSTEMD_SOCKETS', [origin, `no socket has that name, there are: ${passed}`])
}
