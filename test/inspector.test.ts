/** A debugger stops a thread in its handler, and stacks are in the lines of the source. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { transform } from 'esbuild'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { type Program, startCli } from './support/cli.js'
import { DevTools } from './support/dev-tools.js'
import { get } from './support/http.js'
import { packageRoot } from './support/paths.js'
import { tempFolder } from './support/temp-folder.js'
import { within } from './support/until.js'

const LIMIT_MS = 30_000
const SMALL = ['--listen', '127.0.0.1:0', '--processes', '1', '--threads', '1']

interface Paused {
  readonly callFrames: readonly {
    readonly callFrameId: string
    readonly functionName: string
    readonly location: { readonly lineNumber: number }
  }[]
}

const APP = `export default function handler(request, response) {
  const secret = request.url.slice(1)
  response.end(secret)
}
`

test('a breakpoint in a handler stops its thread, shows its variables, and goes on', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('app.mjs'), APP)
  await using running = startCli([folder.file('app.mjs'), ...SMALL, '--inspect=127.0.0.1:0'])
  const [url = ''] = await running.ready()
  const [, address = ''] = await running.output(/listening on (ws:\S+)/, 'stderr')
  const socket = new WebSocket(address)
  try {
    await within(once(socket, 'open'), LIMIT_MS, 'the inspector')
    const tools = new DevTools(socket)
    await tools.ask('Debugger.enable')
    // Lines count from 0: the one that answers.
    const at = { lineNumber: 2, urlRegex: '.*app\\.mjs.*' }
    const { locations } = await tools.ask<{ locations: unknown[] }>(
      'Debugger.setBreakpointByUrl',
      at,
    )
    assert.is(locations.length, 1)
    const stopped = tools.event<Paused>('Debugger.paused')
    const reply = get(`${url}/hidden`)
    const [frame] = (await within(stopped, LIMIT_MS, 'the breakpoint')).callFrames
    assert.is(frame?.functionName, 'handler')
    assert.is(frame?.location.lineNumber, 2)
    const expression = { callFrameId: frame?.callFrameId, expression: 'secret' }
    const { result } = await tools.ask<{ result: { value: unknown } }>(
      'Debugger.evaluateOnCallFrame',
      expression,
    )
    assert.is(result.value, 'hidden')
    await tools.ask('Debugger.resume')
    assert.is((await reply).body, 'hidden')
  } finally {
    socket.terminate()
  }
})

const TYPED = `interface Named {
  readonly url?: string
}

/** Throws at a line and a column that the compiled file does not have. */
export default function handler(request: Named): void {
  const name: string = request.url ?? ''
  throw new Error(\`no \${name}\`)
}
`

async function throws(running: Program): Promise<string> {
  const [url = ''] = await running.ready()
  assert.is((await get(`${url}/stack`)).status, 500)
  const [stack = ''] = await running.output(/no \/stack[\s\S]*?at handler \S+/, 'stderr')
  return stack
}

test('the stack of a TypeScript handler is in the lines of its source, compiled or not', async () => {
  using folder = tempFolder()
  writeFileSync(folder.file('app.ts'), TYPED)
  const { code } = await transform(TYPED, {
    loader: 'ts',
    sourcefile: 'app.ts',
    sourcemap: 'inline',
    minifyWhitespace: true,
  })
  writeFileSync(folder.file('compiled.mjs'), code)
  const from = { cwd: packageRoot }
  const maps = '--exec-argv=--enable-source-maps'
  await using typed = startCli([folder.file('app.ts'), ...SMALL], from)
  await using compiled = startCli([folder.file('compiled.mjs'), ...SMALL, maps], from)
  for (const running of [typed, compiled]) assert.match(await throws(running), /app\.ts:8:9/)
})

test.run()
