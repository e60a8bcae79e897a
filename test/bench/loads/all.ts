import { availableParallelism } from 'node:os'
import type { Random } from '../../support/random.js'
import type { Due } from '../client/order.js'
import { bursts, poisson } from './arrivals.js'
import type { Load } from './load.js'
import { openLoop, type Terms } from './open-loop.js'
import { close, keepAlive } from './saturation.js'
import { bimodal, fixed, logNormal, onCore, type Service } from './services.js'

/** Of the cores, which the generator needs, too. */
const CORE_LOAD = 0.4

/** Well below what one event loop can take on a slow core: threads sleep between requests and pay for each wake-up. */
const HELLO_RATE = 500

const observed = (atMs: number, path: string): Due => ({ atMs, path, observed: true })

const hello = {
  work: 'hello',
  fillsThreads: false,
  dues: (random: Random, { seconds }: Terms): Due[] =>
    poisson(random, HELLO_RATE, seconds).map((atMs) => observed(atMs, '/stamp')),
} as const

export const helloClose = openLoop({
  ...hello,
  name: 'hello-close',
  description: `${HELLO_RATE} requests/s that take no time, a connection for each`,
  transport: 'tcp',
})

/** The same beside connections that are open and idle. */
export const helloWithIdle = (idleConnections: number): Load =>
  openLoop({
    ...hello,
    name: `hello-beside-${idleConnections}`,
    description: `as hello-close, beside ${idleConnections} open connections that nothing happens on`,
    transport: 'tcp',
    idleConnections,
  })

const helloKeepAlive = openLoop({
  ...hello,
  name: 'hello-keep-alive',
  description: `${HELLO_RATE} requests/s that take no time, over 32 connections that stay open`,
  transport: 'tcp',
  connections: 32,
})

/** Keeps the threads busy for the wanted share of their time. */
const blocking = (service: Service) =>
  ({
    transport: 'tcp',
    work: 'sleep',
    fillsThreads: true,
    dues: (random: Random, { threads, seconds, load }: Terms): Due[] =>
      poisson(random, (load * threads * 1000) / service.meanMs, seconds).map((atMs) =>
        observed(atMs, service.path(random)),
      ),
  }) as const

export const blockingFixed = openLoop({
  ...blocking(fixed(20)),
  name: 'fixed',
  description: 'the handler blocks, 20 ms each; a connection for each request',
})

export const blockingBimodal = openLoop({
  ...blocking(bimodal),
  name: 'bimodal',
  description: `the handler blocks, ${bimodal.description}; a connection for each request`,
})

const fixedKeepAlive = openLoop({
  ...blocking(fixed(20)),
  name: 'fixed-keep-alive',
  description: 'as fixed, over 32 connections that stay open (and more while all of them are busy)',
  connections: 32,
})

const bimodalKeepAlive = openLoop({
  ...blocking(bimodal),
  name: 'bimodal-keep-alive',
  description:
    'as bimodal, over 32 connections that stay open (and more while all of them are busy)',
  connections: 32,
})

const blockingLogNormal = openLoop({
  ...blocking(logNormal(10)),
  name: 'log-normal',
  description: `the handler blocks, ${logNormal(10).description}; a connection for each request`,
})

const HEAVY_MS = 50
const LIGHT_PER_HEAVY = 5
const mixed = openLoop({
  name: 'mixed',
  description: `one route blocks ${HEAVY_MS} ms, a light one is asked ${LIGHT_PER_HEAVY} times as often; the latency is the light one's`,
  transport: 'tcp',
  work: 'sleep',
  fillsThreads: true,
  dues(random, { threads, seconds }) {
    const heavyPerSecond = (0.5 * threads * 1000) / HEAVY_MS
    return poisson(random, heavyPerSecond * (1 + LIGHT_PER_HEAVY), seconds).map((atMs) =>
      random.next() * (1 + LIGHT_PER_HEAVY) < 1
        ? { atMs, path: `/sleep/${HEAVY_MS}`, observed: false }
        : observed(atMs, '/stamp'),
    )
  },
})

const SLOW_CLIENTS = 8
const slowClients = openLoop({
  ...blocking(fixed(20)),
  name: 'slow-clients',
  description: `as fixed, beside ${SLOW_CLIENTS} clients that send their requests byte by byte`,
  slowClients: SLOW_CLIENTS,
})

const BURST_MS = 10
const BURST_PER_THREAD = 3
const inBursts = openLoop({
  name: 'bursts',
  description: `the handler blocks, ${BURST_MS} ms each; ${BURST_PER_THREAD} connections per thread at once, half of the time busy`,
  transport: 'tcp',
  work: 'sleep',
  fillsThreads: true,
  dues: (random, { threads, seconds }) =>
    bursts(random, (0.5 * threads * 1000) / BURST_MS, seconds, BURST_PER_THREAD * threads).map(
      (atMs) => observed(atMs, `/sleep/${BURST_MS}`),
    ),
})

function onCores(name: 'scrypt' | 'markdown', path: string): Load {
  const service = onCore(path)
  return openLoop({
    name,
    description: `the handler computes: ${service.description}; a connection for each request`,
    transport: 'tcp',
    work: name,
    fillsThreads: true,
    dues: (random, { threads, seconds }) =>
      poisson(
        random,
        (CORE_LOAD * Math.min(threads, availableParallelism()) * 1000) / service.meanMs,
        seconds,
      ).map((atMs) => observed(atMs, service.path(random))),
  })
}

const echo = openLoop({
  ...hello,
  name: 'echo',
  description: `raw TCP: ${HELLO_RATE} connections/s, a line there and back on each`,
  transport: 'echo',
})

const unix = openLoop({
  ...hello,
  name: 'unix',
  description: `as hello-close, over a unix socket`,
  transport: 'unix',
})

/** A load is made only when it is wanted: some have to measure first how long their work takes here. */
const makers: Readonly<Record<string, () => Load>> = {
  close: () => close,
  'keep-alive': () => keepAlive,
  'hello-close': () => helloClose,
  'hello-keep-alive': () => helloKeepAlive,
  fixed: () => blockingFixed,
  bimodal: () => blockingBimodal,
  'fixed-keep-alive': () => fixedKeepAlive,
  'bimodal-keep-alive': () => bimodalKeepAlive,
  'log-normal': () => blockingLogNormal,
  mixed: () => mixed,
  'slow-clients': () => slowClients,
  bursts: () => inBursts,
  scrypt: () => onCores('scrypt', '/scrypt/4096'),
  markdown: () => onCores('markdown', '/markdown/30'),
  unix: () => unix,
  echo: () => echo,
}

export const loadNames: readonly string[] = Object.keys(makers)

/** What fits into two minutes. */
export const quickLoads: readonly string[] = [
  'close',
  'keep-alive',
  'bimodal',
  'bimodal-keep-alive',
]

export const makeLoads = (names: readonly string[]): Load[] =>
  loadNames.flatMap((name) => (names.includes(name) ? (makers[name]?.() ?? []) : []))
