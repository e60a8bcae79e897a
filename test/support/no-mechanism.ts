import type { Mechanism } from '#dist/sync/mechanism.js'

/** Of a child whose listener thread is told nothing, and whose threads accept nothing by themselves. */
export const noMechanism: Mechanism = {
  wakeListener: () => undefined,
  isSelfServed: false,
  selfServe: () => ({ accepted: 0, broken: 0, shortage: 0 }),
  recover: () => undefined,
}
