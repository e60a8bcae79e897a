/** PROXY headers: what is one, what is none, and that neither chance nor malice gets anything else out of the parser. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LONGEST_HEADER, parseProxyHeader } from '#dist/worker/proxy-header.js'
import { Random } from '../support/random.js'

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

function v1(line: string) {
  return parseProxyHeader(Buffer.from(line, 'latin1'))
}

function v2(command: number, family: number, body: Buffer, length = body.length): Buffer {
  const fixed = Buffer.from([command, family, length >> 8, length & 255])
  return Buffer.concat([SIGNATURE, fixed, body])
}

const IPV4 = Buffer.from([192, 0, 2, 7, 198, 51, 100, 1, 0xdb, 0xec, 0x01, 0xbb])
const IPV6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000042', 'hex'),
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.from([0xdb, 0xec, 0x01, 0xbb]),
])
const wrong = { state: 'wrong' }
const incomplete = { state: 'incomplete' }

test('version 1 tells the client', () => {
  const line = 'PROXY TCP4 192.0.2.7 198.51.100.1 56300 443\r\n'
  assert.equal(v1(`${line}GET / HTTP/1.1\r\n`), {
    state: 'complete',
    length: line.length,
    client: { address: '192.0.2.7', port: 56300, family: 'IPv4' },
  })
  assert.equal(v1('PROXY TCP6 2001:DB8:0:0:0:0:0:42 ::1 0 65535\r\n'), {
    state: 'complete',
    length: 46,
    client: { address: '2001:db8::42', port: 0, family: 'IPv6' },
  })
})

test('version 1: what is not known is left to the socket', () => {
  assert.equal(v1('PROXY UNKNOWN\r\n'), { state: 'complete', length: 15 })
  const longest = `PROXY UNKNOWN ${'f'.repeat(39)} ${'f'.repeat(39)} 65535 65535\r\n`
  assert.is(longest.length, 107)
  assert.equal(v1(longest), { state: 'complete', length: 107 })
})

test('version 1 is one line of at most 107 bytes, to the letter', () => {
  for (const line of [
    'GET / HTTP/1.1\r\n',
    'PROXY \r\n',
    'PROXY TCP4\r\n',
    'PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n',
    'PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n',
    'PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n',
    'PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n',
    'PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n',
    'PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n',
    'PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n',
    'PROXY TCP4 1.1.1.1 ::1 1 2\r\n',
    'PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n',
    'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n',
    'PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n',
    'PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n',
    'proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n',
    `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`,
    `PROXY UNKNOWN ${'x'.repeat(2000)}`,
  ])
    assert.equal(v1(line), wrong, line)
  assert.equal(v1(`PROXY UNKNOWN ${'x'.repeat(92)}`), incomplete)
})

test('version 2 tells the client, whatever comes behind the addresses', () => {
  const extras = Buffer.from([4, 0, 3, 1, 2, 3])
  for (const more of [Buffer.alloc(0), extras]) {
    assert.equal(parseProxyHeader(v2(0x21, 0x11, Buffer.concat([IPV4, more]))), {
      state: 'complete',
      length: 28 + more.length,
      client: { address: '192.0.2.7', port: 56300, family: 'IPv4' },
    })
    assert.equal(parseProxyHeader(v2(0x21, 0x21, Buffer.concat([IPV6, more]))), {
      state: 'complete',
      length: 52 + more.length,
      client: { address: '2001:db8::42', port: 56300, family: 'IPv6' },
    })
  }
})

test('version 2: the proxy itself, unix sockets, datagrams and the unspecified leave it to the socket', () => {
  for (const [command, family, body] of [
    [0x20, 0x00, Buffer.alloc(0)],
    [0x20, 0xff, Buffer.alloc(7)],
    [0x21, 0x00, Buffer.alloc(3)],
    [0x21, 0x31, Buffer.alloc(216)],
    [0x21, 0x12, IPV4],
  ] as const) {
    const length = 16 + body.length
    assert.equal(parseProxyHeader(v2(command, family, body)), { state: 'complete', length })
  }
})

test('version 2: what is reserved, too short or too long is wrong', () => {
  for (const [command, family, body, length] of [
    [0x11, 0x11, IPV4, 12],
    [0x22, 0x11, IPV4, 12],
    [0x21, 0x41, IPV4, 12],
    [0x21, 0x13, IPV4, 12],
    [0x21, 0x11, IPV4, 11],
    [0x21, 0x21, IPV6, 35],
    [0x21, 0x31, Buffer.alloc(216), 215],
    [0x20, 0x00, Buffer.alloc(0), LONGEST_HEADER - 15],
    [0x21, 0x11, IPV4, 65535],
  ] as const)
    assert.equal(parseProxyHeader(v2(command, family, body, length)), wrong)
})

test('each beginning of a right header is incomplete, and never anything else', () => {
  for (const whole of [
    v2(0x21, 0x11, IPV4),
    v2(0x21, 0x21, IPV6),
    v2(0x20, 0x00, Buffer.alloc(9)),
    Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 56300 443\r\n'),
  ]) {
    for (let length = 0; length < whole.length; length++)
      assert.equal(parseProxyHeader(whole.subarray(0, length)), incomplete)
    assert.is(parseProxyHeader(whole).state, 'complete')
    // A view into a larger buffer is as good.
    const inside = Buffer.concat([Buffer.from('?'), whole, Buffer.from('rest')]).subarray(1)
    assert.equal(parseProxyHeader(inside), parseProxyHeader(whole))
  }
})

test('random and damaged bytes: an answer always, within the bounds, and once settled it stays', () => {
  const random = new Random(20_261_127)
  const samples = [
    v2(0x21, 0x11, IPV4),
    v2(0x21, 0x21, Buffer.concat([IPV6, Buffer.alloc(40)])),
    Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 56300 443\r\nGET'),
    Buffer.from('PROXY UNKNOWN\r\n'),
    Buffer.alloc(5000, 'PROXY '),
  ]
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(samples[random.from(0, samples.length - 1)] ?? [])
    const damages = random.from(0, 3)
    for (let damage = 0; damage < damages; damage++)
      bytes[random.from(0, bytes.length - 1)] = random.from(0, 255)
    const header = parseProxyHeader(bytes)
    if (header.state === 'complete') {
      assert.ok(header.length <= LONGEST_HEADER && header.length <= bytes.length)
      assert.ok((header.client?.port ?? 0) <= 65_535)
      assert.equal(parseProxyHeader(bytes.subarray(0, header.length)), header)
    }
    // More bytes never change an answer that is none of "incomplete".
    for (const length of [1, 16, random.from(0, bytes.length)]) {
      const part = parseProxyHeader(bytes.subarray(0, length))
      if (part.state === 'wrong') assert.is(header.state, 'wrong')
      else if (part.state === 'complete') assert.equal(header, part)
    }
    // Nothing may wait for more than the longest header.
    if (bytes.length >= LONGEST_HEADER) assert.is.not(header.state, 'incomplete')
  }
})

test.run()
