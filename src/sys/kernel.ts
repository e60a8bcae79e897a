import { release } from 'node:os'

/** From this version on the kernel takes who is woken in `epoll_wait` off the list of those that sleep there by itself; before, whoever was woken did so when it ran. */
const LINUX_5_8 = [5, 8] as const

/**
 * Whether a thread that sleeps in `epoll_wait`, and watches exclusively, is called for one thing at a time: what comes next calls another one, and so what has woken a thread is the first
 * of its events. On older kernels it is called for all that comes until it runs, and the order is that of coming.
 */
export const callsOneAtATime = isAtLeast(release(), LINUX_5_8)

/** Whether a release, such as `5.14.0-70.el9`, is not older than a version. */
export function isAtLeast(text: string, [major, minor]: readonly [number, number]): boolean {
  const [, hasMajor = 0, hasMinor = 0] = (/^(\d+)\.(\d+)/.exec(text) ?? []).map(Number)
  return hasMajor > major || (hasMajor === major && hasMinor >= minor)
}
