import type { Notice } from './systemd-notify.js'

/** The pool serves at these addresses; `generation` counts reloads. */
export function readyNotice(addresses: readonly string[], generation: number): Notice {
  const which = generation === 0 ? '' : ` (generation ${generation})`
  return { ready: true, status: `Serving on ${addresses.join(', ')}${which}` }
}
