import { join } from 'node:path'
import { cliPath } from '../../support/paths.js'
import { fixture } from './paths.js'
import { everyWork, type Server, type Size, type Transport } from './server.js'

export interface PoolSetup extends Size {
  /** Further options of the command line, such as `--accept-mutex flock`. */
  readonly options?: readonly string[]
  /** How many TCP listeners; only one of them is a fair comparison, more are for the growth. */
  readonly listeners?: number
  /** With the same handler in a program that makes its own server, so that only that differs. */
  readonly isAdopted?: boolean
}

/** The pool under test, of a fixed size. Its name holds everything in which it differs from another one. */
export function pool(setup: PoolSetup): Server {
  const { processes, threads, options = [], listeners = 1, isAdopted = false } = setup
  const size = ['--processes', String(processes), '--threads', String(threads)]
  const differs = [
    ...(isAdopted ? ['adopted'] : []),
    ...options.map((word) => word.replace(/^--/, '')),
    ...(listeners > 1 ? [`${listeners} listeners`] : []),
  ]
  const command = ['forkthread', ...size, ...options].join(' ')
  return {
    name: ['forkthread', `${processes}x${threads}`, ...differs].join('-').replaceAll(' ', '-'),
    threads: processes * threads,
    configuration: isAdopted ? `${command}, of a program that calls listen()` : command,
    works: everyWork,
    transports: isAdopted ? ['tcp', 'unix'] : ['tcp', 'unix', 'echo'],
    launch(transport, folder) {
      const app = fixture(transport === 'echo' ? 'echo' : isAdopted ? 'adopted' : 'work')
      const address = listenAddress(transport, folder)
      const listen = Array.from({ length: listeners }, () => ['--listen', address]).flat()
      return {
        command: process.execPath,
        args: [cliPath, app, ...listen, ...size, ...options],
        ready: { lines: listeners },
      }
    },
  }
}

/** A pool of the same size for comparison with the one that is measured. */
export const adopted = (size: Size): Server => ({
  ...pool({ ...size, isAdopted: true }),
  name: 'adopted',
})

const SIZE = /^([1-9]\d*)x([1-9]\d*)( adopted)?((?: .+)?)$/

/**
 * Reads `2x2`, `2x2 adopted` or `2x2 --accept-mutex flock`: processes, threads in each, further options.
 *
 * @throws Error that says what is wanted
 */
export function parsePool(text: string): PoolSetup {
  const [, processes, threads, isAdopted, options = ''] = SIZE.exec(text.trim()) ?? []
  if (processes === undefined || threads === undefined) {
    throw new Error(
      `--pool ${text}: PROCESSESxTHREADS is wanted, perhaps with options of forkthread: '2x2 --accept-mutex flock', '2x2 adopted'`,
    )
  }
  return {
    processes: Number(processes),
    threads: Number(threads),
    options: options.split(' ').filter((word) => word !== ''),
    ...(isAdopted === undefined ? {} : { isAdopted: true }),
  }
}

/** What a server is told to listen on. */
export function listenAddress(transport: Transport, folder: string): string {
  return transport === 'unix' ? `unix:${join(folder, 'bench.sock')}` : '127.0.0.1:0'
}
