import { apache } from './apache.js'
import { gunicorn } from './gunicorn.js'
import { nodeCluster, nodeHttp, nodePiscina } from './node.js'
import { adopted } from './pool.js'
import { puma } from './puma.js'
import type { Candidate, Server, Size } from './server.js'
import { watt } from './watt.js'

export const peerNames = [
  'node-http',
  'cluster-rr',
  'cluster-none',
  'accept+piscina',
  'adopted',
  'watt',
  'apache-worker',
  'puma',
  'gunicorn-gthread',
] as const

const here = (server: Server): Candidate => ({ name: server.name, server })

/**
 * What people would use instead of a pool of this size. Those of other languages have the same processes and threads;
 * those of Node, as many event loops.
 *
 * @param folder where a peer may be fetched to
 */
export async function findPeers(
  size: Size,
  folder: string,
  wanted: { readonly names: readonly string[]; readonly watt: boolean },
  signal: AbortSignal,
): Promise<Candidate[]> {
  const threads = size.processes * size.threads
  const finders: Readonly<
    Record<(typeof peerNames)[number], () => Candidate | Promise<Candidate>>
  > = {
    'node-http': () => here(nodeHttp),
    'cluster-rr': () => here(nodeCluster('rr', threads)),
    'cluster-none': () => here(nodeCluster('none', threads)),
    'accept+piscina': () => here(nodePiscina(threads)),
    adopted: () => here(adopted(size)),
    watt: () => watt(threads, folder, wanted.watt, signal),
    'apache-worker': () => apache(size),
    puma: () => puma(size),
    'gunicorn-gthread': () => gunicorn(size),
  }
  const candidates: Candidate[] = []
  for (const name of peerNames) {
    if (wanted.names.includes(name)) candidates.push(await finders[name]())
  }
  return candidates
}
