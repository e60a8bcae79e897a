/** A real browser at an adopted program: a page and its WebSocket, over a reload. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { startCli } from './support/cli.js'
import { DevTools } from './support/dev-tools.js'
import { packageRoot } from './support/paths.js'
import { tempFolder } from './support/temp-folder.js'
import { testWith } from './support/tools.js'
import { until, within } from './support/until.js'

const LIMIT_MS = 60_000
const program = join(packageRoot, 'build', 'test', 'fixtures', 'programs', 'browser.cjs')

/** Chromium without a window, and its DevTools. It writes into the folder only, and calls nobody. */
async function chromium(folder: string): Promise<AsyncDisposable & { readonly tools: DevTools }> {
  const flags = [
    ...['--headless=new', '--remote-debugging-port=0', `--user-data-dir=${folder}`],
    ...['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
    ...['--disable-background-networking', '--disable-component-update', '--no-proxy-server'],
  ]
  const env = { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder }
  const running = spawn('chromium', flags, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(running, 'exit')
  let text = ''
  running.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const address = await until(
    () => /listening on (ws:\S+)/.exec(text)?.[1],
    LIMIT_MS,
    'DevTools of Chromium',
  )
  const socket = new WebSocket(address)
  await within(once(socket, 'open'), LIMIT_MS, 'DevTools')
  const tools = new DevTools(socket)
  return {
    tools,
    [Symbol.asyncDispose]: async () => {
      await tools.ask('Browser.close').catch(() => running.kill('SIGKILL'))
      await within(ended, LIMIT_MS, 'the end of Chromium')
      socket.terminate()
    },
  }
}

testWith('chromium', 'a page and its WebSocket come through a reload in Chromium', async () => {
  using folder = tempFolder()
  const size = ['--processes', '2', '--threads', '2', '--canary-time', '0']
  await using running = startCli([program, '--listen', '127.0.0.1:0', ...size])
  const [url = ''] = await running.ready()
  await using browser = await chromium(folder.path)
  const { tools } = browser
  const { targetId } = await tools.ask<{ targetId: string }>('Target.createTarget', { url })
  const { sessionId } = await tools.ask<{ sessionId: string }>('Target.attachToTarget', {
    targetId,
    flatten: true,
  })
  const shows = async (expression: string): Promise<string> => {
    const asked = { expression: `String(${expression})` }
    const { result } = await tools.ask<{ result: { value: string } }>(
      'Runtime.evaluate',
      asked,
      sessionId,
    )
    return result.value
  }
  const untilShown = async (what: RegExp) =>
    await until(
      async () => what.test(await shows('document.getElementById("log")?.textContent')),
      LIMIT_MS,
      String(what),
    )
  await untilShown(/^hello heard;$/)
  assert.is(await shows('document.title'), 'A page')
  running.send('SIGHUP')
  await running.output(/all processes are of the new generation/, 'stderr')
  await untilShown(/^hello heard;closed 1001;again heard;/)
  await tools.ask('Page.reload', {}, sessionId)
  await untilShown(/^hello heard;$/)
  running.send('SIGTERM')
  assert.equal(await running.exit(), { code: 0, signal: null }, running.stderr)
})

test.run()
