import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { loadNames, quickLoads } from './loads/all.js'
import { peerNames } from './peers/all.js'
import { type PoolSetup, parsePool } from './peers/pool.js'

/** What can be measured beside loads. */
export const sections = ['ready', 'share', 'lean', 'growth'] as const
export type Section = (typeof sections)[number]

export const usage = `usage: npm run bench -- [--quick] [--only NAME,…] [--peers NAME,…] [--pool SIZE]… [--watt]
                        [--load PERCENT] [--rounds N] [--seconds S] [--out FOLDER]
  --quick         a look within two minutes: fewer loads, fewer and shorter rounds
  --only NAMES    only these loads or sections (default: all, with --quick some)
                  loads: ${loadNames.slice(0, 7).join(', ')},
                         ${loadNames.slice(7).join(', ')}
                  sections: ready (how long threads and processes take to start),
                            share (of the pool's own code in the CPU profile of a thread),
                            lean (memory, start and threads beside node:cluster and a bare Worker),
                            growth (cost against threads, processes, listeners, connections)
  --peers NAMES   only these peers, or none (default: all that are installed)
                  ${peerNames.join(', ')}
  --pool SIZE     the pool, PROCESSESxTHREADS (default 2x2), with options of forkthread if you like:
                  --pool '2x2 --accept-mutex flock', --pool '2x2 adopted' for a program that calls listen(); may be given
                  several times, and for each number of threads there are peers with as many
  --watt          fetch Watt from the npm registry into a temporary folder (150 MB) and measure it, too
  --load PERCENT  for how much of their time the loads whose handler blocks keep the threads busy (default 65: high enough
                  for queues, with room for what the machine adds to a request)
  --rounds N      how often each measurement is repeated (default 5, with --quick 2)
  --seconds S     length of one measurement (default 1.5, with --quick 0.5; wrk measures whole seconds)
  --out FOLDER    for results.json, results.md and the plots (default bench-results)
  --help          this text`

export interface BenchOptions {
  readonly quick: boolean
  readonly loads: readonly string[]
  readonly sections: readonly Section[]
  readonly peers: readonly string[]
  readonly pools: readonly [PoolSetup, ...PoolSetup[]]
  readonly watt: boolean
  /** For which share of the time blocking loads keep the threads busy. */
  readonly load: number
  readonly rounds: number
  readonly seconds: number
  readonly warmUpSeconds: number
  readonly warmUpRequests: number
  readonly out: string
}

const thorough = { rounds: 5, seconds: 1.5, warmUpSeconds: 1, warmUpRequests: 20_000 }
const quick = { rounds: 2, seconds: 0.5, warmUpSeconds: 0.2, warmUpRequests: 0 }

/**
 * Undefined when help is wanted.
 *
 * @throws Error that says what was wrong
 */
export function parseCommandLine(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      peers: { type: 'string', multiple: true, default: [] },
      pool: { type: 'string', multiple: true, default: ['2x2'] },
      watt: { type: 'boolean', default: false },
      load: { type: 'string', default: '65' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      out: { type: 'string', default: 'bench-results' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const preset = values.quick ? quick : thorough
  const only = names('--only', values.only, [...loadNames, ...sections])
  const all = only.length === 0
  const peers = names('--peers', values.peers, [...peerNames, 'none'])
  const [pool = parsePool('2x2'), ...furtherPools] = values.pool.map(parsePool)
  return {
    quick: values.quick,
    loads: all
      ? [...(values.quick ? quickLoads : loadNames)]
      : only.filter((name) => loadNames.includes(name)),
    sections: sections.filter((name) => all || only.includes(name)),
    peers: peers.length === 0 ? peerNames : peers.filter((name) => name !== 'none'),
    pools: [pool, ...furtherPools],
    watt: values.watt,
    load: percent('--load', values.load) / 100,
    rounds: wholeNumber('--rounds', values.rounds) ?? preset.rounds,
    seconds: positiveNumber('--seconds', values.seconds) ?? preset.seconds,
    warmUpSeconds: preset.warmUpSeconds,
    warmUpRequests: preset.warmUpRequests,
    out: resolve(values.out),
  }
}

/** Several options, each with names that commas divide. */
function names(option: string, given: readonly string[], known: readonly string[]): string[] {
  const all = given.flatMap((text) => text.split(',')).filter((name) => name !== '')
  const unknown = all.find((name) => !known.includes(name))
  if (unknown !== undefined) {
    throw new Error(`${option} ${unknown}: there is none of that name; one of ${known.join(', ')}`)
  }
  return all
}

/**
 * Undefined when not given.
 *
 * @throws Error that says what is wanted
 */
export function wholeNumber(option: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  if (!/^[1-9]\d*$/.test(given)) {
    throw new Error(`${option} ${given}: a whole number from 1 on is wanted`)
  }
  return Number(given)
}

function percent(option: string, given: string): number {
  const value = Number(given)
  if (!(value > 0 && value < 100)) {
    throw new Error(`${option} ${given}: percent are wanted, more than 0 and less than 100`)
  }
  return value
}

function positiveNumber(option: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  const value = Number(given)
  if (!(value > 0 && value <= 60)) {
    throw new Error(`${option} ${given}: seconds are wanted, up to 60`)
  }
  return value
}
