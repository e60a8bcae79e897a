/** A small run that was made up, as tables and as plots. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Measurement } from '../measure.js'
import { nodeCluster, nodeHttp } from '../peers/node.js'
import { pool } from '../peers/pool.js'
import { plots } from './plots.js'
import { jsonReport, markdownReport, type Results, terminalReport } from './report.js'
import { linear, logarithmic } from './scale.js'

const own = pool({ processes: 2, threads: 2 })

const measurement = (server: string, round: number, cpuUsPerRequest: number): Measurement => ({
  ...{ server, round, cpuUsPerRequest, load: 'hello-close', cpuClock: 'ns' },
  pssBytes: 2 ** 20,
  requests: 100,
  failed: 0,
  failures: '',
  responsesMs: [1, 2, 3],
})

const results: Results = {
  at: new Date(0),
  machine: { cpu: 'a <fast> one', cores: 2, kernel: '6', node: 'v20', loadAverageBefore: 0 },
  plan: { rounds: 3, seconds: 1, threads: 4, load: 0.65 },
  pools: [own],
  candidates: [
    { name: nodeHttp.name, server: nodeHttp },
    { name: 'watt', missing: 'is fetched only with --watt' },
  ],
  loads: [{ name: 'hello-close', description: 'nothing' }],
  measured: {
    measurements: [100, 200, 300].flatMap((us, round) => [
      measurement(nodeHttp.name, round, us),
      measurement(own.name, round, us * 1.2),
    ]),
    starts: [{ server: own.name, round: 0, readyMs: 500, pssBytes: 100 * 2 ** 20 }],
    problems: ['puma: did not start'],
  },
  readyTimes: [],
  ownShares: [0.04],
  lean: [],
  axes: [],
  growth: undefined,
}

test('the ratio is that of each round, however much the rounds differ', () => {
  assert.match(terminalReport(results), /forkthread-2x2 ÷ node-http +1\.20 +1\.00/)
})

test('of pools of several sizes each is divided by the peers that have as many event loops', () => {
  const small = pool({ processes: 1, threads: 2 })
  const clusters = [nodeCluster('rr', 4), { ...nodeCluster('rr', 2), name: 'cluster-rr-2' }]
  const servers = [own, small, ...clusters]
  const measurements = servers.map(({ name, threads }) => ({
    ...measurement(name, 0, 100 * threads),
    load: 'close',
  }))
  const text = terminalReport({
    ...results,
    pools: [own, small],
    candidates: clusters.map((server) => ({ name: server.name, server })),
    loads: [{ name: 'close', description: 'nothing' }],
    measured: { ...results.measured, measurements },
  })
  assert.match(text, /forkthread-2x2 ÷ cluster-rr +1\.00/)
  assert.match(text, /forkthread-1x2 ÷ cluster-rr-2 +1\.00/)
  assert.not.match(text, /forkthread-2x2 ÷ cluster-rr-2/)
  assert.not.match(text, /forkthread-1x2 ÷ cluster-rr /)
})

test('the text says who was not measured and what went wrong', () => {
  for (const text of [terminalReport(results), markdownReport(results, ['cpu.svg'])]) {
    assert.match(text, 'watt: not measured: is fetched only with --watt')
    assert.match(text, 'puma: did not start')
    assert.match(text, 'node-http')
  }
  assert.match(markdownReport(results, ['cpu.svg']), '![cpu](cpu.svg)')
})

test('the file has every measurement, but not every response time', () => {
  const file = JSON.parse(jsonReport(results))
  assert.is(file.measurements.length, 6)
  assert.is(file.measurements[0].responsesMs, undefined)
})

test('plots are there for what was measured, in both schemes', () => {
  const files = plots(results)
  assert.equal([...files.keys()], ['cpu.svg', 'memory.svg'])
  const svg = files.get('cpu.svg') ?? ''
  assert.match(svg, /^<svg xmlns/)
  assert.match(svg, 'prefers-color-scheme: dark')
  assert.not.match(svg, 'NaN')
  // Two bars, and the ground.
  assert.is(svg.match(/<rect/g)?.length, 3)
})

test('scales: from zero in nice steps, or by powers from the least on', () => {
  assert.equal(linear(430).ticks, [0, 200, 400, 600])
  assert.is(linear(430).at(300), 0.5)
  const log = logarithmic(1, 100)
  assert.equal(log.ticks, [1, 2, 5, 10, 20, 50, 100])
  assert.is(log.at(10), 0.5)
  assert.is(log.at(0.5), 0)
})

test.run()
