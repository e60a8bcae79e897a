import { Random } from '../../support/random.js'
import type { Due, Order } from '../client/order.js'
import { latencyFigures, responseMs } from '../figures/latency.js'
import { quantile } from '../statistics.js'
import { driveOpenLoop } from './drive-open-loop.js'
import type { Load, Run } from './load.js'

export interface OpenLoop
  extends Pick<Load, 'name' | 'description' | 'transport' | 'work' | 'fillsThreads'>,
    Partial<Pick<Order, 'connections' | 'idleConnections' | 'slowClients'>> {
  /** The requests of a run, in the order in which they are due. */
  dues(random: Random, terms: Terms): Due[]
}

/** What the rate of a load goes by, and how long it lasts. */
export type Terms = Pick<Run, 'threads' | 'seconds' | 'load'>

/** A load whose requests come when they come, however slow the server is. */
export function openLoop(definition: OpenLoop): Load {
  const { name, description, transport, work, fillsThreads, dues } = definition
  const keepsConnections =
    definition.connections !== undefined || definition.idleConnections !== undefined
  return {
    name,
    description,
    transport,
    work,
    fillsThreads,
    keepsConnections,
    async drive(addresses, { threads, serverThreads, seconds, load, seed, signal, meter }) {
      const order: Order = {
        addresses,
        protocol: transport === 'echo' ? 'echo' : 'http',
        connections: definition.connections ?? 'each',
        idleConnections: definition.idleConnections ?? 0,
        slowClients: definition.slowClients ?? 0,
        dues: dues(new Random(seed), { threads, seconds, load }),
      }
      const { exchanges, failures, latenessesMs } = await driveOpenLoop(order, meter, signal)
      const usesCores = work === 'scrypt' || work === 'markdown'
      return {
        requests: exchanges.length,
        failed: failures.length,
        failures: counted(failures),
        latency: latencyFigures(exchanges, {
          threads: serverThreads,
          takesTime: work !== 'hello',
          usesCores,
        }),
        responsesMs: exchanges.filter(({ observed }) => observed).map(responseMs),
        generatorLateP99Ms: quantile(latenessesMs, 0.99),
      }
    },
  }
}

/** Each failure once, with how often it happened. */
function counted(failures: readonly string[]): string {
  const times = new Map<string, number>()
  for (const failure of failures) times.set(failure, (times.get(failure) ?? 0) + 1)
  return [...times].map(([failure, n]) => `${n} ${failure}`).join('; ')
}
