/** What blocks a thread is seen while it does, and a thread of a running pool can be profiled. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { SlowReport } from '#dist/shared/slow.js'
import { runCli } from './support/cli.js'
import { get } from './support/http.js'
import { type Serving, serve } from './support/serve.js'
import { until } from './support/until.js'

async function report({ pool }: Serving): Promise<SlowReport> {
  return JSON.parse((await get(`${pool.adminAddress}/slow.json`)).body) as SlowReport
}

test('/slow.json names the route, how long it blocked, and where in the code', async () => {
  await using serving = await serve('blocks', { admin: '127.0.0.1:0' })
  await get(`${serving.url}/quick`)
  for (const id of [7, 8, 9]) await get(`${serving.url}/burn/${id}?secret=1`)
  // On a busy machine what is quick may be slow, too.
  const burns = async () =>
    (await report(serving)).routes.filter(({ route }) => route.startsWith('GET /burn'))
  const three = async () => (await burns()).find(({ count }) => count === 3)
  const route = await until(three, 30_000, 'three are told')
  assert.is(route.route, 'GET /burn/:id')
  assert.ok(route.blockedMs > 900 && route.longestMs >= 300, JSON.stringify(route))
  assert.match(route.frames[0]?.frame ?? '', /burnTheProcessor .*blocks\.js/)
  // It may have been met at several of its lines.
  const inIt = route.frames.filter(({ frame }) => frame.startsWith('burnTheProcessor '))
  const share = inIt.reduce((sum, frame) => sum + frame.share, 0)
  assert.ok(share > 0.5, JSON.stringify(route.frames))
  assert.is(route.example.request, 'GET /burn/9')
  assert.match(route.example.stack.join('\n'), /burnTheProcessor/)
  assert.is((await burns()).length, 1)
  const { stdout, code } = await runCli([
    'slow',
    '--admin',
    serving.pool.adminAddress?.slice(7) ?? '',
  ])
  assert.is(code, 0)
  assert.match(stdout, /GET \/burn\/:id: 3 times, \d+ ms in all/)
  assert.match(stdout, /burnTheProcessor/)
})

test('also what blocks after an await', async () => {
  await using serving = await serve('blocks', { admin: '127.0.0.1:0' })
  await get(`${serving.url}/late/1`)
  const { routes } = await until(
    async () => {
      const told = await report(serving)
      return told.routes.length > 0 ? told : undefined
    },
    30_000,
    'it is told',
  )
  assert.is(routes[0]?.route, 'GET /late/:id')
})

test('a route has the name that the handler gives it, before it blocks or when it is over', async () => {
  await using serving = await serve('blocks', { admin: '127.0.0.1:0' })
  const { url } = serving
  const names = async (): Promise<string[]> => {
    const { routes } = await report(serving)
    return routes.map(({ route }) => route).filter((route) => /early|ended/.test(route))
  }
  for (const [path, name] of [
    ['/early/1', 'GET /early/:which'],
    ['/early/x', 'GET /early/:which'],
    ['/ended/2', 'GET /ended/:what'],
    ['/ended/y', 'GET /ended/:what'],
  ] as const)
    await until(
      async () => {
        // Others come while it blocks, and at once when it is over: they are what the thread has begun last.
        await Promise.all([path, '/quick', '/quick'].map((one) => get(url + one)))
        const { routes } = await report(serving)
        return routes.some(({ route, example }) => route === name && example.request.endsWith(path))
      },
      30_000,
      `${path} is told as ${name}`,
    )
  assert.equal((await names()).sort(), ['GET /early/:which', 'GET /ended/:what'])
})

test('slowThreshold 0 looks for nothing', async () => {
  await using serving = await serve('blocks', { admin: '127.0.0.1:0', slowThreshold: 0 })
  await get(`${serving.url}/burn/1`)
  await get(`${serving.url}/quick`)
  assert.equal(await report(serving), { slowThreshold: 0, routes: [] })
})

test('profile and heap are files for DevTools, of a thread that works meanwhile', async () => {
  await using serving = await serve('blocks', { admin: '127.0.0.1:0' })
  const admin = ['--admin', serving.pool.adminAddress?.slice(7) ?? '']
  const profiled = runCli(['profile', '--thread', '0.0', '--seconds', '2', ...admin])
  for (let asked = 0; asked < 3; asked++) await get(`${serving.url}/burn/${asked}`)
  const { stdout, code, stderr } = await profiled
  assert.is(code, 0, stderr)
  const profile = JSON.parse(stdout) as {
    readonly nodes: readonly { readonly callFrame: { readonly functionName: string } }[]
    readonly samples: readonly number[]
  }
  assert.ok(profile.samples.length > 100)
  assert.ok(profile.nodes.some(({ callFrame }) => callFrame.functionName === 'burnTheProcessor'))

  const heap = await runCli(['heap', '--thread', '0.0', ...admin])
  assert.is(heap.code, 0, heap.stderr)
  const { snapshot } = JSON.parse(heap.stdout) as { snapshot: { node_count: number } }
  assert.ok(snapshot.node_count > 1000)
  assert.is((await get(serving.url)).status, 200)
})

test('a thread that is not there, and a wrong question', async () => {
  await using serving = await serve('blocks', { admin: '127.0.0.1:0' })
  const admin = ['--admin', serving.pool.adminAddress?.slice(7) ?? '']
  const missing = await runCli(['heap', '--thread', '0.9', ...admin])
  assert.is(missing.code, 1)
  assert.match(missing.stderr, /there is no thread 9/)
  assert.is((await runCli(['profile', ...admin])).code, 2)
  assert.is((await get(`${serving.pool.adminAddress}/profile?thread=0.0`)).status, 405)
})

test.run()
