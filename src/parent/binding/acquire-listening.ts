import type { Settings } from '../../options/options.js'
import { ForkthreadError } from '../../shared/errors.js'
import type { Predecessor } from '../upgrade/predecessor.js'
import { acquireResources, type Resources } from './resources.js'

/** Any free port: it is for the time until the program has said where it listens. */
const ANYWHERE = ['127.0.0.1:0']

/**
 * Acquires everything for a pool that listens where `listens` says. Without that it listens where handlers are served, for the time
 * until the handler turns out to be one, or a program that says where. If nothing can be bound there, which a program need not care
 * about, the result says why.
 */
export async function acquireListening(
  settings: Settings,
  predecessor: Predecessor | undefined,
  listens: Partial<Settings> | undefined,
): Promise<Resources> {
  if (listens !== undefined)
    return await acquireResources({ ...settings, ...listens }, predecessor, false)
  try {
    return await acquireResources(settings, predecessor, true)
  } catch (error) {
    if (!(error instanceof ForkthreadError) || !error.code.startsWith('FT_ERR_ADDRESS')) throw error
    const resources = await acquireResources({ ...settings, listen: ANYWHERE }, predecessor, true)
    return { ...resources, refused: error }
  }
}
