import { type ForkthreadError, fail } from '../shared/errors.js'
import { errnoName } from '../sys/libc.js'

/** `accept` fails in a way that lasts. */
export function acceptShortage(errorNumber: number): ForkthreadError {
  const context = 'connections wait in the backlog until it is over'
  return fail('FT_ERR_SYSTEM', ['accept', errnoName(errorNumber), context])
}
