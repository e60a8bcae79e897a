import { type PoolOptions, plainOptions, type Settings } from '../options/options.js'
import { checkApiOptions, parseOptions } from '../options/parse-options.js'
import { acquireListening } from './binding/acquire-listening.js'
import { type Resources, returnResources } from './binding/resources.js'
import { createGeneration, type Generation } from './children/generation.js'
import { openWhereItListens } from './open-where-it-listens.js'
import { Predecessor } from './upgrade/predecessor.js'

/** What a pool starts from. */
export interface Opened {
  readonly settings: Settings
  readonly resources: Resources
  /** The first one. */
  readonly generation: Generation
  /** The parent whose place this one takes. */
  readonly predecessor: Predecessor | undefined
}

/**
 * Reads the options and binds what they say; `start` makes a pool of that. It is called once more if its first pool finds out that the program listens
 * elsewhere. A parent that this one is to follow hears how it went.
 * @throws see `createPool`
 */
export async function openPool<P extends { close(): Promise<void> }>(
  options: PoolOptions,
  start: (opened: Opened) => Promise<P>,
): Promise<P> {
  const predecessor = Predecessor.find()
  try {
    checkApiOptions(options)
    const given = parseOptions(plainOptions(options))
    const open = async (settings: Settings, listens?: Partial<Settings>): Promise<P> => {
      options.signal?.throwIfAborted()
      const resources = await acquireListening(settings, predecessor, listens)
      const generation = firstGeneration(settings, resources)
      return await start({ settings, resources, generation, predecessor })
    }
    const pool = await openWhereItListens(options, given, predecessor, open)
    predecessor?.tellReady()
    return pool
  } catch (error) {
    predecessor?.tellFailed(error)
    throw error
  }
}

/** Nothing stays bound if its certificates can't be read. @throws FT_ERR_TLS */
function firstGeneration(settings: Settings, resources: Resources): Generation {
  try {
    return createGeneration(0, settings, resources)
  } catch (error) {
    returnResources(resources)
    throw error
  }
}
