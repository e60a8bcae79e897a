import { join } from 'node:path'
import { cliPath } from '../../support/paths.js'
import { fixture } from './paths.js'
import { everyWork, type Server, type Size, type Transport } from './server.js'

export interface PoolSetup extends Size {
  /** Further options of the command line, such as `--accept-mutex flock`. */
  readonly options?: readonly string[]
  /** How many TCP listeners; only one of them is a fair comparison, more are for the growth. */
  readonly listeners?: number
}

/** The pool under test, of a fixed size. Its name holds everything in which it differs from another one. */
export function pool({ processes, threads, options = [], listeners = 1 }: PoolSetup): Server {
  const size = ['--processes', String(processes), '--threads', String(threads)]
  const differs = [
    ...options.map((word) => word.replace(/^--/, '')),
    ...(listeners > 1 ? [`${listeners} listeners`] : []),
  ]
  return {
    name: ['forkthread', `${processes}x${threads}`, ...differs].join('-').replaceAll(' ', '-'),
    threads: processes * threads,
    configuration: ['forkthread', ...size, ...options].join(' '),
    works: everyWork,
    transports: ['tcp', 'unix', 'echo'],
    launch(transport, folder) {
      const handler = fixture(transport === 'echo' ? 'echo' : 'work')
      const address = listenAddress(transport, folder)
      const listen = Array.from({ length: listeners }, () => ['--listen', address]).flat()
      return {
        command: process.execPath,
        args: [cliPath, handler, ...listen, ...size, ...options],
        ready: { lines: listeners },
      }
    },
  }
}

/** A pool of the same size whose program makes its own server, so that only that differs. */
export function adopted({ processes, threads }: Size): Server {
  const size = ['--processes', String(processes), '--threads', String(threads)]
  return {
    name: 'adopted',
    threads: processes * threads,
    configuration: `forkthread ${size.join(' ')}, of a program that calls listen()`,
    works: everyWork,
    transports: ['tcp', 'unix'],
    launch: (transport, folder) => ({
      command: process.execPath,
      args: [
        ...[cliPath, fixture('adopted'), '--listen', listenAddress(transport, folder)],
        ...size,
      ],
      ready: { lines: 1 },
    }),
  }
}

const SIZE = /^([1-9]\d*)x([1-9]\d*)((?: .+)?)$/

/**
 * Reads `2x2` or `2x2 --accept-mutex flock`: processes, threads in each, further options.
 *
 * @throws Error that says what is wanted
 */
export function parsePool(text: string): PoolSetup {
  const [, processes, threads, options = ''] = SIZE.exec(text.trim()) ?? []
  if (processes === undefined || threads === undefined) {
    throw new Error(
      `--pool ${text}: PROCESSESxTHREADS is wanted, perhaps with options of forkthread: '2x2 --accept-mutex flock'`,
    )
  }
  return {
    processes: Number(processes),
    threads: Number(threads),
    options: options.split(' ').filter((word) => word !== ''),
  }
}

/** What a server is told to listen on. */
export function listenAddress(transport: Transport, folder: string): string {
  return transport === 'unix' ? `unix:${join(folder, 'bench.sock')}` : '127.0.0.1:0'
}
