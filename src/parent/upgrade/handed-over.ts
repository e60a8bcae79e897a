import * as z from 'zod/mini'
import { fail } from '../../shared/errors.js'

/** What a parent finds in its environment that was started by another one to take its place. */
export const UPGRADE_VARIABLE = 'FORKTHREAD_UPGRADE'

const descriptor = z.int().check(z.minimum(3))

const handedOver = z.object({
  /** A socket pair: the new parent says how its start went. */
  channel: descriptor,
  listeners: z.array(
    z.object({
      fd: descriptor,
      origin: z.string(),
      /** The handler is served there; at the others the parent itself answers. Older parents do not say. */
      serves: z._default(z.boolean(), true),
    }),
  ),
  /** Of the old parent. */
  pid: z.int(),
  /** Its path, if the old parent has one. */
  pidFile: z.optional(z.string()),
  /** Shared by the children of both, so that no wake-up gets lost between them. */
  passOn: z.optional(descriptor),
  /** The key of the session tickets; older parents have none. */
  ticketKeys: z.optional(descriptor),
  /** What the pool has counted; older parents have none. */
  counts: z.optional(descriptor),
  /** The way of its children's idle connections to those of the new one. */
  transfer: z.optional(z.object({ sendEnd: descriptor, receiveEnd: descriptor })),
})

/** What the old parent gives the new one, as JSON in that variable; its descriptors by their numbers there. */
export type HandedOver = z.infer<typeof handedOver>

/** What the new parent says, as one line of JSON. */
export const startReport = z.union([
  z.object({
    type: z.literal('ready'),
    /** Which of the old parent's listeners it serves now, by their descriptors in the new one. */
    taken: z.array(descriptor),
    /** It takes over idle connections. */
    receives: z._default(z.boolean(), false),
  }),
  z.object({
    type: z.literal('failed'),
    error: z.looseObject({ name: z.string(), message: z.string() }),
  }),
])

/** @throws FT_ERR_USAGE */
export function parseHandedOver(text: string): HandedOver {
  try {
    return handedOver.parse(JSON.parse(text))
  } catch {
    throw fail('FT_ERR_USAGE', [
      `${UPGRADE_VARIABLE} is set in the environment, and not by a parent that upgrades: unset it.`,
    ])
  }
}
