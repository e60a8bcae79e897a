import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { cliPath } from '../support/paths.js'
import { tempFolder } from '../support/temp-folder.js'
import { figure, type Section } from './lock-figures.js'
import { fixture } from './peers/paths.js'
import type { Server } from './peers/server.js'
import { RunningServer } from './running-server.js'
import { quantile } from './statistics.js'

/** All that this bench asks of a server is to be started. */
const clockServer = (name: string, threads: number, args: readonly string[]): Server => ({
  name,
  threads,
  configuration: `node ${args.join(' ')}`,
  works: [],
  transports: ['tcp'],
  launch: () => ({ command: process.execPath, args, ready: { lines: 1 } }),
})

const pool = (processes: number, threads: number): Server => {
  const size = ['--processes', String(processes), '--threads', String(threads)]
  const args = [cliPath, fixture('clock'), '--listen', '127.0.0.1:0', ...size]
  return clockServer(`forkthread-${processes}x${threads}`, processes * threads, args)
}

const single = clockServer('node-http', 1, [fixture('clock-server'), '0'])
const roundRobin = clockServer('cluster-rr-2', 2, [fixture('clock-server'), '2'])
const pools = [pool(1, 2), pool(2, 1)]

/** Between two connections: long enough for every thread to be idle and asleep again. */
const PAUSE_MS = 4
const WARM_UP = 200

/** From the client's `connect` to the start of the handler, one connection at a time in an idle pool. */
export async function measureHandOff(isQuick: boolean): Promise<Section> {
  const servers = [single, roundRobin, ...pools]
  const times = isQuick ? 300 : 2_000
  using folder = tempFolder()
  const running: RunningServer[] = []
  const us = new Map(servers.map(({ name }) => [name, [] as number[]]))
  try {
    for (const server of servers) {
      running.push(
        await RunningServer.start(server, folder.path, (text) => process.stderr.write(text)),
      )
    }
    for (let n = -WARM_UP; n < times; n++) {
      // Turn by turn, so that a change of the machine's pace hits all; and each follows each other one.
      for (let turn = 0; turn < running.length; turn++) {
        const target = running[(turn + n + WARM_UP) % running.length]
        if (target === undefined) continue
        const latencyUs = await measureOne(portOf(target))
        if (n >= 0) us.get(target.server.name)?.push(latencyUs)
        await sleep(PAUSE_MS)
      }
    }
  } finally {
    for (const target of running) for (const line of await target.stop()) console.error(line)
  }
  const at = (server: Server, q: number): number => quantile(us.get(server.name) ?? [], q)
  const overFloor = (server: Server): number => at(server, 0.5) - at(single, 0.5)
  return {
    title: 'from connect to the start of the handler, us, in an idle pool',
    rows: [
      ['', 'p50', 'p99', 'p50 / cluster-rr-2', 'p99 / cluster-rr-2', 'p50 over node-http'],
      ...servers.map((server) => [
        server.name,
        figure(at(server, 0.5)),
        figure(at(server, 0.99)),
        figure(at(server, 0.5) / at(roundRobin, 0.5)),
        figure(at(server, 0.99) / at(roundRobin, 0.99)),
        figure(overFloor(server)),
      ]),
    ],
    notes: [
      "The client's clock before `connect`, the handler's at its first line (one clock for the whole machine). In it are",
      'the client, TCP, the wake-up of whoever accepts and the parsing of the request, as in any server: that is the row',
      'node-http. What the way from `accept` to the handler adds is the last column; it may be negative, since a pool',
      'accepts and parses in threads that run at the same time.',
    ],
    goals: pools.flatMap((server) => [
      {
        name: `${server.name}: accept to handler (p50 over node-http)`,
        value: overFloor(server),
        most: 150,
        unit: 'us',
      },
      {
        name: `${server.name}: p50 / cluster-rr-2`,
        value: at(server, 0.5) / at(roundRobin, 0.5),
        most: 1,
        unit: '',
      },
    ]),
  }
}

const portOf = ({ server, addresses: [address] }: RunningServer): number => {
  if (address === undefined || !('port' in address)) throw new Error(`${server.name} has no port`)
  return address.port
}

/** One connection, one request. Returns the µs until the handler began. */
function measureOne(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let reply = ''
    const startedAt = process.hrtime.bigint()
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    socket.write('GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n')
    socket.setEncoding('latin1').on('data', (text) => {
      reply += text
    })
    socket.once('error', reject)
    socket.once('close', () => {
      const calledAt = /\r\n\r\n(?:[\da-f]+\r\n)?(\d+)/.exec(reply)?.[1]
      if (calledAt === undefined) reject(new Error(`no time in the reply: ${reply}`))
      else resolve(Number(BigInt(calledAt) - startedAt) / 1000)
    })
  })
}
