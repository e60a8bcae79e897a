/** The schema of all options, through the function that the API and the command share. */
import { pathToFileURL } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseOptions } from '#dist/options/parse-options.js'
import { metaOf, type OptionName, optionNames } from '#dist/options/schema.js'
import { ForkthreadError } from '#dist/shared/errors.js'
import { example, packageRoot } from '../support/paths.js'

const handler = example('hello')

const ranges = [
  0,
  -1,
  1.5,
  Number.NaN,
  1e9,
  '4',
  '1-4',
  '0:4',
  '1:',
  ':4',
  '4:1',
  '1:2:3',
  true,
  null,
]
const rangeObjects = [{}, { min: 1 }, { max: 1 }, { min: 2, max: 1 }, { min: 1, max: 2, step: 1 }]
const milliseconds = [
  -1,
  0.5,
  2 ** 31,
  Number.POSITIVE_INFINITY,
  '5',
  '5x',
  '1.5',
  '-5s',
  '25d',
  true,
  null,
]
const counts = [-1, 0.5, Number.POSITIVE_INFINITY, '5', true, null]
const booleans = [0, 1, 'true', 'yes', null]

const octals = [-1, 0.5, 0o1000, '8', '1000', '0x7', '', 'rw', true, null]
const accounts = [-1, 0.5, 2 ** 32, '', 'a b', 'a:b', true, null]

/** For each option what it must not take. A new option has to be added here. */
const wrong: Readonly<Record<OptionName, readonly unknown[]>> = {
  handler: ['', 5, null, undefined, {}, new URL('http://example.com/app.js'), 'file:///a%2fb.js'],
  admin: [-1, 65_536, 1.5, '', null, {}],
  args: ['--port', [1], [''].concat(null as never), null, {}],
  listen: [-1, 65_536, 1.5, '', [], [''], [8080, -1], null, { port: 80 }, Array(65).fill(0)],
  processes: [...ranges, ...rangeObjects],
  threads: [...ranges, ...rangeObjects],
  spares: [...ranges, ...rangeObjects],
  blockedTimeout: milliseconds,
  slowThreshold: milliseconds,
  recycleRequests: counts,
  recycleHeap: counts,
  recycleLifetime: milliseconds,
  recycleRss: counts,
  acceptMutex: ['', 'on', 'FLOCK', true, null],
  acceptPermits: [0, -1, 1.5, 1e9, '1', null],
  keepAlive: ['', 'on', 'PARK', true, null],
  keepAliveTimeout: milliseconds,
  headersTimeout: milliseconds,
  requestTimeout: milliseconds,
  drainTimeout: [...milliseconds, 0],
  adminToken: ['', 'short', 7, {}, null],
  shutdownIdleTimeout: milliseconds,
  signalSpread: milliseconds,
  startTimeout: [...milliseconds, 0],
  preStopDelay: milliseconds,
  reloadBatch: [0, -1, 1.5, 65, '1', null],
  canaryTime: milliseconds,
  watch: booleans,
  queueTimeout: milliseconds,
  maxConnections: counts,
  trustRequestStart: booleans,
  queueTimeHeader: ['', 'on', 'X-Queue-Time', true, null],
  metrics: [-1, 65_536, 1.5, '', null, {}],
  agentCheck: [-1, 65_536, 1.5, '', null, {}],
  backlog: [0, -1, 1.5, 65_536, '5', null],
  ipv6Only: booleans,
  reusePort: booleans,
  deferAccept: booleans,
  tls: [true, 'key.pem', {}, [], { key: 'a' }, { key: 'a', cert: 'b', secureProtocol: 'c' }, null],
  tlsKey: ['', 5, [], [''], {}, 'key.pem', null],
  tlsCert: ['', 5, [], [''], {}, 'cert.pem', null],
  proxyProtocol: [0, 1, '127.0.0.1:80', [], [-1], [{}], null],
  socketMode: octals,
  socketUser: accounts,
  socketGroup: accounts,
  user: accounts,
  group: [...accounts, 'staff', 0],
  umask: octals,
  pidFile: ['', 5, true, null],
  systemdNotify: booleans,
  execArgv: ['--import=tsx', [1], {}, null],
  inspect: [-1, 65_536, '', 'x', 'a:b', '1:2:3', '127.0.0.1:70000', true, null, {}],
  envFile: ['', 5, [], [5], null, {}],
  env: ['A=1', { A: 1 }, { '': 'x' }, ['A=1'], null],
  accessLog: ['', 1, null, true],
  accessLogFormat: ['apache', 'JSON', 1, null],
  threadPrefix: [0, 1, 'true', null],
  logFormat: ['json ', 'JSON', 1, null, true],
  logLevel: ['verbose', 30, null, 'INFO'],
  resourceLimits: [1, { maxOldGenerationSizeMb: 0 }, { stackSizeMb: '4' }, { heap: 5 }, null],
}

function refusal(given: unknown): ForkthreadError {
  try {
    parseOptions(given)
  } catch (error) {
    if (error instanceof ForkthreadError) return error
    throw error
  }
  throw new Error('was accepted')
}

test('every option has its wrong values here', () => {
  assert.equal(Object.keys(wrong).sort(), [...optionNames].sort())
})

for (const name of optionNames) {
  test(`a wrong ${name} is answered with its name, what was given and what is allowed`, () => {
    for (const value of wrong[name]) {
      const error = refusal({ handler, [name]: value })
      assert.is(error.code, 'FT_ERR_OPTION', error.message)
      assert.ok(error.message.startsWith(`${name}: `), error.message)
      assert.ok(error.message.endsWith(` was given; allowed is ${metaOf(name).allowed}.`))
    }
  })
}

test('the error shows the value as it was written', () => {
  assert.match(refusal({ handler, processes: '4:1' }).message, "processes: '4:1' was given")
  assert.match(refusal({ handler, threads: 0 }).message, 'threads: 0 was given')
  assert.match(refusal({ handler, listen: [80, -1] }).message, 'listen: [ 80, -1 ] was given')
})

test('a name that is no option is answered with the names that are', () => {
  const error = refusal({ handler, process: 4 })
  assert.is(error.code, 'FT_ERR_OPTION_UNKNOWN')
  assert.match(error.message, /^process: there is no such option/)
  for (const name of optionNames) assert.match(error.message, name)
})

for (const given of [undefined, null, 'app.js', 5, [], [handler]]) {
  test(`options that are no object are refused: ${JSON.stringify(given)}`, () => {
    const error = refusal(given)
    assert.is(error.code, 'FT_ERR_OPTION')
    assert.match(error.message, /^options: /)
  })
}

test('a range is a number, MIN:MAX or an object', () => {
  const range = (processes: unknown) => parseOptions({ handler, processes }).processes
  assert.equal(range(4), { min: 4, max: 4 })
  assert.equal(range('1:4'), { min: 1, max: 4 })
  assert.equal(range('4:4'), { min: 4, max: 4 })
  assert.equal(range({ min: 1, max: 4 }), { min: 1, max: 4 })
})

test('modes are numbers, or octal digits as text', () => {
  const modes = (given: object) => {
    const { socketMode, umask } = parseOptions({ handler, ...given })
    return [socketMode, umask]
  }
  assert.equal(modes({ socketMode: 0o660, umask: 0o27 }), [0o660, 0o27])
  assert.equal(modes({ socketMode: '0660', umask: '027' }), [0o660, 0o27])
  assert.equal(modes({ socketMode: '0o660', umask: '0' }), [0o660, 0])
})

test('a group goes with a user', () => {
  const { user, group } = parseOptions({ handler, user: 'nobody', group: 0 })
  assert.equal([user, group], ['nobody', 0])
  assert.match(refusal({ handler, group: 5 }).message, /^group: 5 was given.*together with user/)
})

test('one address is a list of one', () => {
  const listen = (given: unknown) => parseOptions({ handler, listen: given }).listen
  assert.equal(listen(8080), [8080])
  assert.equal(listen('unix:/run/app.sock'), ['unix:/run/app.sock'])
  assert.equal(listen([0, '[::1]:0']), [0, '[::1]:0'])
})

test('an address may have TLS of its own, and an error shows none of it', () => {
  const tls = { key: 'a secret', cert: 'b.pem' }
  const { listen, ownTls } = parseOptions({ handler, listen: [80, { address: 443, tls }] })
  assert.equal(listen, [80, 443])
  assert.equal(ownTls, [undefined, [tls]])
  assert.equal(parseOptions({ handler, listen: { address: 'unix:@a' } }).ownTls, [undefined])
  for (const wrong of [
    { address: -1, tls },
    { address: 443, tls: { ...tls, cert: 5 } },
    { address: 443, tls: [tls, {}] },
    { address: 443, tls, more: true },
    { address: 443, ...tls },
  ]) {
    const { message } = refusal({ handler, listen: [80, wrong] })
    assert.match(message, `listen: [ 80, { address: ${wrong.address}`)
    assert.not.match(message, 'secret')
  }
})

test('what is left out, or undefined, has its default', () => {
  const all = Object.fromEntries(optionNames.map((name) => [name, undefined]))
  for (const given of [{ handler }, { ...all, handler }]) {
    const settings = parseOptions(given)
    assert.equal(settings.listen, ['127.0.0.1:8080'])
    assert.ok(settings.threads.min >= 1)
    assert.is(settings.keepAliveTimeout, 5000)
    assert.is(settings.headersTimeout, 60_000)
    assert.is(settings.requestTimeout, 300_000)
    assert.is(settings.acceptMutex, 'auto')
    assert.is(settings.ipv6Only, false)
  }
})

test('headers may not take longer than the request', () => {
  const error = refusal({ handler, headersTimeout: 2000, requestTimeout: 1000 })
  assert.is(error.code, 'FT_ERR_OPTION')
  assert.match(error.message, /^headersTimeout: 2000 was given.*not above requestTimeout/)
})

test('a requestTimeout alone brings the default headersTimeout down with it', () => {
  const timeouts = (given: object) => {
    const { headersTimeout, requestTimeout } = parseOptions({ handler, ...given })
    return [headersTimeout, requestTimeout]
  }
  assert.equal(timeouts({ requestTimeout: 1000 }), [1000, 1000])
  assert.equal(timeouts({ requestTimeout: 0 }), [60_000, 0])
  assert.equal(timeouts({ requestTimeout: 0, headersTimeout: 90_000 }), [90_000, 0])
  assert.equal(timeouts({ requestTimeout: 1000, headersTimeout: 0 }), [0, 1000])
})

test('a handler is a path, a file URL or the text of one, and becomes a file URL', () => {
  const url = pathToFileURL(handler)
  for (const given of [handler, url, url.href])
    assert.is(parseOptions({ handler: given }).handler, url.href)
  assert.is(parseOptions({ handler: `${url}?v=2` }).handler, `${url}?v=2`)
})

test('a handler that is no file is not found', () => {
  for (const given of ['./nowhere.js', pathToFileURL('/nowhere.js'), packageRoot, `${handler}/x`]) {
    const error = refusal({ handler: given })
    assert.is(error.code, 'FT_ERR_HANDLER_NOT_FOUND')
    assert.match(error.message, /^handler: there is no file \//)
  }
})

test.run()
