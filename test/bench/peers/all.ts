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
 * What people would use instead of pools of these sizes. Those of other languages have the same processes and threads;
 * those of Node, as many event loops. The peers of the first size have their plain names, those of another number of loops have it in theirs.
 *
 * @param folder where a peer may be fetched to
 */
export async function findPeers(
  sizes: readonly [Size, ...Size[]],
  folder: string,
  wanted: { readonly names: readonly string[]; readonly watt: boolean },
  signal: AbortSignal,
): Promise<Candidate[]> {
  const candidates = await peersOf(sizes[0], folder, wanted, signal)
  const byLoops = new Map(sizes.toReversed().map((size) => [loopsOf(size), size]))
  byLoops.delete(loopsOf(sizes[0]))
  const names = wanted.names.filter((name) => name !== nodeHttp.name)
  for (const [loops, size] of byLoops)
    for (const peer of await peersOf(size, folder, { ...wanted, names }, signal))
      candidates.push(renamed(peer, `${peer.name}-${loops}`))
  return candidates
}

const loopsOf = ({ processes, threads }: Size): number => processes * threads

const renamed = (peer: Candidate, name: string): Candidate =>
  'server' in peer ? here({ ...peer.server, name }) : { ...peer, name }

/**
 * Whose figures those of a pool are divided by where a goal names a peer: the one with as many event loops, if there is one.
 * `node:http` has one, whatever the pool has.
 */
export function peerFor(pool: Server, peer: string, candidates: readonly Candidate[]): string {
  const fitting = candidates.find(
    (candidate) =>
      'server' in candidate &&
      candidate.server.threads === pool.threads &&
      [peer, `${peer}-${pool.threads}`].includes(candidate.name),
  )
  return fitting?.name ?? peer
}

async function peersOf(
  size: Size,
  folder: string,
  wanted: { readonly names: readonly string[]; readonly watt: boolean },
  signal: AbortSignal,
): Promise<Candidate[]> {
  const threads = loopsOf(size)
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
