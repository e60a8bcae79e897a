/**
 * The clients that people measure servers with, against 2 × 2 threads: nothing fails, nothing is left.
 * Small amounts: this is about right and wrong, not about speed (see bench/).
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Program, startCli } from './support/cli.js'
import { connectionPerRequestAgent, get } from './support/http.js'
import { fixture } from './support/paths.js'
import { family, openDescriptors, sameDescriptors } from './support/pool-processes.js'
import { serve } from './support/serve.js'
import { runTool, type Tool, testWith } from './support/tools.js'

const SIZE = ['--processes', '2', '--threads', '2']

/** A number from a tool's report; its absence is an error of the test, unless there is a `fallback`. */
function figure(report: string, pattern: RegExp, fallback?: number): number {
  const text = report.match(pattern)?.[1]
  if (text === undefined && fallback === undefined) throw new Error(`no ${pattern} in:\n${report}`)
  return text === undefined ? Number(fallback) : Number(text)
}

interface Load {
  readonly tool: Tool
  readonly name: string
  readonly run: (url: string) => Promise<void>
}

const loads: readonly Load[] = [
  {
    tool: 'wrk',
    name: 'wrk, keep-alive',
    async run(url) {
      const report = await runTool('wrk', ['-t', '1', '-c', '32', '-d', '1', `${url}/`])
      assert.not.match(report, /Socket errors|Non-2xx/, report)
      assert.ok(figure(report, /(\d+) requests in/) > 500, report)
    },
  },
  {
    tool: 'wrk',
    name: 'wrk, a connection for each request',
    async run(url) {
      const header = ['-H', 'Connection: close']
      const report = await runTool('wrk', ['-t', '1', '-c', '16', '-d', '1', ...header, `${url}/`])
      assert.not.match(report, /Socket errors|Non-2xx/, report)
      assert.ok(figure(report, /(\d+) requests in/) > 150, report)
    },
  },
  {
    tool: 'ab',
    name: 'ab, a connection for each request',
    run: (url) => ab(url, []),
  },
  {
    tool: 'ab',
    name: 'ab -k, keep-alive',
    run: (url) => ab(url, ['-k']),
  },
  {
    tool: 'h2load',
    name: 'h2load --h1',
    async run(url) {
      const report = await runTool('h2load', ['--h1', '-n', '3000', '-c', '32', `${url}/`])
      assert.match(report, /3000 done, 3000 succeeded, 0 failed, 0 errored, 0 timeout/, report)
      assert.match(report, /status codes: 3000 2xx/, report)
    },
  },
  {
    tool: 'hey',
    name: 'hey',
    run: (url) => hey(url, []),
  },
  {
    tool: 'hey',
    name: 'hey, a connection for each request',
    run: (url) => hey(url, ['-disable-keepalive']),
  },
  {
    tool: 'curl',
    name: 'curl, several URLs over one connection and over many',
    async run(url) {
      const urls = Array.from({ length: 20 }, () => `${url}/`)
      for (const options of [[], ['-H', 'Connection: close'], ['--parallel']]) {
        const report = await runTool('curl', ['-sS', '--fail', ...options, ...urls])
        assert.is(report, 'hello\n'.repeat(20))
      }
    },
  },
]

async function ab(url: string, options: readonly string[]): Promise<void> {
  const report = await runTool('ab', ['-q', '-n', '3000', '-c', '32', ...options, `${url}/`])
  assert.is(figure(report, /Complete requests: +(\d+)/), 3000, report)
  assert.is(figure(report, /Failed requests: +(\d+)/), 0, report)
  assert.is(figure(report, /Non-2xx responses: +(\d+)/, 0), 0, report)
  assert.is(figure(report, /Keep-Alive requests: +(\d+)/, 0), options.length > 0 ? 3000 : 0, report)
}

async function hey(url: string, options: readonly string[]): Promise<void> {
  const report = await runTool('hey', ['-n', '3000', '-c', '30', ...options, `${url}/`])
  assert.is(figure(report, /\[200\]\t(\d+) responses/), 3000, report)
  assert.not.match(report, 'Error distribution', report)
}

/** One pool for all tools, since each leaves it as it was; none if there is no tool at all. */
let shared:
  | Promise<{ program: Program; address: string; idle: Record<number, string[]> }>
  | undefined

async function open() {
  // A parker, started at some moment or not, would change what descriptors there are. It has a chaos of its own.
  const listen = ['--listen', '127.0.0.1:0', '--keep-alive', 'pin']
  const program = startCli([fixture('http'), ...listen, ...SIZE])
  const [address = ''] = await program.ready()
  return { program, address, idle: openDescriptors(family(program)) }
}

for (const { tool, name, run } of loads) {
  testWith(tool, `${name}: no failed request, no descriptor left`, async () => {
    shared ??= open()
    const { program, address, idle } = await shared
    await run(address)
    await sameDescriptors(program, idle)
    assert.not.match(program.stderr, 'FT_ERR')
  })
}

test('then the pool ends as if nothing had been', async () => {
  if (shared === undefined) return
  const { program } = await shared
  program.send('SIGTERM')
  assert.equal(await program.exit(), { code: 0, signal: null }, program.stderr)
  await program.gone()
  await program.close()
})

for (const acceptMutex of ['flock', 'none']) {
  for (const connections of [4, 16]) {
    test(`${connections} clients of a handler that blocks use all threads evenly (${acceptMutex})`, async () => {
      await using serving = await serve('http', {
        processes: 2,
        threads: 2,
        acceptMutex: acceptMutex as 'flock' | 'none',
      })
      const served = new Map<string, number>()
      const total = 80
      let left = total
      const startedAt = performance.now()
      const client = async () => {
        const agent = connectionPerRequestAgent()
        while (left-- > 0) {
          const { body } = await get(`${serving.url}/block?ms=50`, { agent })
          served.set(body, (served.get(body) ?? 0) + 1)
        }
      }
      await Promise.all(Array.from({ length: connections }, client))
      const ms = performance.now() - startedAt
      const counts = [...served.values()]
      const shown = `${counts} in ${ms.toFixed(0)} ms`
      assert.is(served.size, 4, shown)
      // 20 each, were it perfect.
      assert.ok(Math.min(...counts) >= 12 && Math.max(...counts) <= 28, shown)
      // 1000 ms, if never a thread idles while a request waits.
      assert.ok(ms < 2_500, shown)
    })
  }
}

test.run()
