/** HTTP/2: a stream is a request, over TLS and in clear, for each kind of handler; and none is lost when its thread leaves. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { local } from './support/certificates.js'
import { get } from './support/http.js'
import { ask, connectHttp2 } from './support/http2.js'
import { type Serving, serve } from './support/serve.js'
import { secureGet } from './support/tls.js'
import { until, within } from './support/until.js'

const LIMIT_MS = 20_000
/** Of `SessionFarewell`. */
const QUIET_MS = 100
const ways = {
  'over TLS': { listen: 'https://127.0.0.1:0', tls: local },
  'in clear': { listen: '127.0.0.1:0' },
} as const

const total = ({ pool }: Serving): number => pool.stats().totals.requests

for (const [way, options] of Object.entries(ways)) {
  test(`${way}: handlers of both kinds, and HTTP/1.1 beside it`, async () => {
    await using serving = await serve('who', options)
    const session = await connectHttp2(serving.url)
    const replies = await Promise.all([1, 2, 3].map(() => ask(session, '/')))
    for (const { status, body } of replies) {
      assert.is(status, 200)
      assert.match(body, /^\d+ \d+\n$/)
    }
    session.close()
    const plain = way === 'over TLS' ? secureGet(serving.url) : get(serving.url)
    assert.ok(await plain)
    await using fetching = await serve('fetch', options)
    const other = await connectHttp2(fetching.url)
    assert.is((await ask(other, '/upper', 'abc')).body, 'ABC')
    assert.match((await ask(other, '/host')).body, /^127\.0\.0\.1/)
    other.close()
  })

  test(`${way}: a handler that fails is answered with 500, and the connection goes on`, async () => {
    await using serving = await serve('fetch', options)
    const session = await connectHttp2(serving.url)
    for (const path of ['/throw', '/reject']) assert.is((await ask(session, path)).status, 500)
    assert.is((await ask(session, '/host')).status, 200)
    await until(() => serving.errors.length === 2, LIMIT_MS, 'both are reported')
    await until(() => serving.pool.stats().totals.errors === 2, LIMIT_MS, 'both are counted')
    session.close()
  })

  test(`${way}: a stream is a request for the scoreboard, and a connection without one leaves its thread idle`, async () => {
    await using serving = await serve('who', options)
    const { pool } = serving
    const session = await connectHttp2(serving.url)
    await ask(session, '/')
    await until(() => pool.stats().threads.idle === 1, LIMIT_MS, 'idle between two streams')
    assert.is(pool.stats().scoreboard, 'K')
    const held = [1, 2].map(() => session.request({ ':path': '/?hold' }))
    await Promise.all(held.map((stream) => once(stream, 'response')))
    const thread = () => pool.stats().processes[0]?.threads[0]
    // A thread tells of all that a turn of its event loop has begun when the turn ends, and the client may be quicker.
    await until(() => thread()?.inFlight === 2, LIMIT_MS, 'two in flight')
    assert.is(thread()?.connections, 1)
    assert.is(pool.stats().scoreboard, 'W')
    assert.is(pool.stats().threads.busy, 1)
    for (const stream of held) stream.close()
    await until(() => total(serving) === 3, LIMIT_MS, 'three requests')
    await until(() => pool.stats().threads.idle === 1, LIMIT_MS, 'idle again')
    session.close()
  })

  test(`${way}: a reload sends GOAWAY, streams finish, and nothing that comes is refused`, async () => {
    await using serving = await serve('http', { ...options, canaryTime: 0 })
    const session = await connectHttp2(serving.url)
    let isGoing = false
    session.on('goaway', () => {
      isGoing = true
    })
    const slow = ask(session, '/slow?ms=2500')
    const reloaded = serving.pool.reload()
    let served = 0
    let lastAskedAt = performance.now()
    while (!isGoing && !session.closed) {
      const askedAt = performance.now()
      try {
        assert.is((await ask(session, '/headers')).status, 200)
      } catch (error) {
        // Who has said nothing for so long is told that it was not served, and on a busy machine this client may.
        assert.match(String(error), /REFUSED_STREAM/)
        assert.ok(performance.now() - lastAskedAt >= QUIET_MS, 'no client that is not silent')
        break
      }
      lastAskedAt = askedAt
      served++
      await sleep(2)
    }
    assert.ok(served > 0)
    assert.is((await slow).body, 'done\n')
    await within(reloaded, LIMIT_MS, 'the reload')
    await until(() => session.closed, LIMIT_MS, 'the connection is closed')
    const next = await connectHttp2(serving.url)
    assert.is((await ask(next, '/headers')).status, 200)
    next.close()
  })

  test(`${way}: a stream that does not end is cut off at drainTimeout`, async () => {
    const serving = await serve('who', { ...options, drainTimeout: 500 })
    const session = await connectHttp2(serving.url)
    const stream = session.request({ ':path': '/?hold' })
    stream.on('error', () => undefined)
    session.on('error', () => undefined)
    await once(stream, 'response')
    const closed = once(session, 'close')
    await within(serving.pool.close(), LIMIT_MS, 'the pool closes')
    await closed
  })

  test(`${way}: a connection without streams ends after keepAliveTimeout`, async () => {
    await using serving = await serve('who', { ...options, keepAliveTimeout: 200 })
    const session = await connectHttp2(serving.url)
    await ask(session, '/')
    await within(once(session, 'close'), LIMIT_MS, 'it is closed')
  })
}

test('in clear: the preface may come in pieces', async () => {
  await using serving = await serve('who', { listen: '127.0.0.1:0', deferAccept: false })
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
  // An empty SETTINGS frame, as the client's first.
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
  const whole = Buffer.concat([Buffer.from(preface), settings])
  for (const cuts of [[3], [16, 20], [24], [30]]) {
    const socket = connect({ port: serving.port, host: '127.0.0.1', noDelay: true })
    const first = once(socket, 'data')
    let at = 0
    for (const cut of [...cuts, whole.length]) {
      socket.write(whole.subarray(at, cut))
      at = cut
      await sleep(20)
    }
    const [frame] = (await within(first, LIMIT_MS, 'an answer')) as [Buffer]
    // SETTINGS.
    assert.is(frame[3], 4)
    socket.destroy()
  }
  await until(
    () => serving.pool.stats().processes[0]?.threads[0]?.connections === 0,
    LIMIT_MS,
    'all are closed',
  )
})

test('behind a PROXY header the client is known in HTTP/2, too', async () => {
  await using serving = await serve('peer', { ...ways['in clear'], proxyProtocol: true })
  const socket = connect({ port: serving.port, host: '127.0.0.1' })
  socket.write('PROXY TCP4 192.0.2.7 198.51.100.1 56300 443\r\n')
  const { connect: connectSession } = await import('node:http2')
  const session = connectSession('http://127.0.0.1', { createConnection: () => socket })
  assert.match((await ask(session, '/')).body, /"remoteAddress":"192\.0\.2\.7"/)
  session.close()
})

test.run()
