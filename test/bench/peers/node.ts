import { fixture } from './paths.js'
import { listenAddress } from './pool.js'
import { everyWork, type Server } from './server.js'

const node = (
  args: readonly string[],
): Pick<Server, 'works' | 'transports' | 'launch' | 'configuration'> => ({
  works: everyWork,
  transports: ['tcp', 'unix', 'echo'],
  configuration: `node ${args.join(' ')}`,
  launch: (transport, folder) => ({
    command: process.execPath,
    args: [
      fixture(args[0] ?? ''),
      ...args.slice(1),
      transport === 'echo' ? 'echo' : 'http',
      listenAddress(transport, folder),
    ],
    ready: { lines: 1 },
  }),
})

/** The floor: one process, one event loop, nothing between the kernel's accept and the handler. */
export const nodeHttp: Server = { name: 'node-http', threads: 1, ...node(['node-http']) }

/** `rr`: the primary accepts and deals out in turn; `none`: every worker accepts, the kernel chooses which. */
export const nodeCluster = (policy: 'rr' | 'none', workers: number): Server => ({
  name: `cluster-${policy}`,
  threads: workers,
  ...node(['node-cluster', policy, String(workers)]),
})

/** What people write by hand: one process accepts and parses, and each request is a task of a piscina. */
export const nodePiscina = (threads: number): Server => ({
  name: 'accept+piscina',
  threads,
  ...node(['node-piscina', String(threads)]),
  transports: ['tcp', 'unix'],
})
