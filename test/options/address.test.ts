import { resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseAddress } from '#dist/options/address.js'
import { ForkthreadError } from '#dist/shared/errors.js'

test('a port alone, as a number or as text, has no host', () => {
  assert.equal(parseAddress(8080), { kind: 'tcp', host: undefined, port: 8080 })
  assert.equal(parseAddress('8080'), { kind: 'tcp', host: undefined, port: 8080 })
  assert.equal(parseAddress(0), { kind: 'tcp', host: undefined, port: 0 })
  assert.equal(parseAddress(65_535), { kind: 'tcp', host: undefined, port: 65_535 })
})

test('a host is a name or an IPv4 address', () => {
  assert.equal(parseAddress('127.0.0.1:9090'), { kind: 'tcp', host: '127.0.0.1', port: 9090 })
  assert.equal(parseAddress('my-host.example:0'), {
    kind: 'tcp',
    host: 'my-host.example',
    port: 0,
  })
})

test('an IPv6 address stands in brackets, and loses them', () => {
  assert.equal(parseAddress('[::1]:80'), { kind: 'tcp', host: '::1', port: 80 })
  assert.equal(parseAddress('[fe80::1%lo]:80'), { kind: 'tcp', host: 'fe80::1%lo', port: 80 })
})

test('a unix path is made absolute, and may hold colons and spaces', () => {
  assert.equal(parseAddress('unix:/run/app.sock'), { kind: 'unix', path: '/run/app.sock' })
  assert.equal(parseAddress('unix:app.sock'), { kind: 'unix', path: resolve('app.sock') })
  assert.equal(parseAddress('unix:/run/a b:80'), { kind: 'unix', path: '/run/a b:80' })
})

test('an abstract name begins with @; a path that does so needs a folder', () => {
  assert.equal(parseAddress('unix:@app'), { kind: 'abstract', name: 'app' })
  assert.equal(parseAddress('unix:@a/b:c'), { kind: 'abstract', name: 'a/b:c' })
  assert.equal(parseAddress('unix:./@app'), { kind: 'unix', path: resolve('@app') })
})

test('sockets from outside have a number, or a name that systemd knows', () => {
  assert.equal(parseAddress('fd:3'), { kind: 'fd', fd: 3 })
  assert.equal(parseAddress('fd:10'), { kind: 'fd', fd: 10 })
  assert.equal(parseAddress('systemd'), { kind: 'systemd', name: undefined })
  assert.equal(parseAddress('systemd:web'), { kind: 'systemd', name: 'web' })
  assert.equal(parseAddress('systemd:80'), { kind: 'systemd', name: '80' })
})

test('https:// or tls:// in front of any of them asks for TLS', () => {
  const port = { kind: 'tcp', host: undefined, port: 8443, isSecure: true }
  assert.equal(parseAddress('https://8443'), port)
  for (const text of ['https://0.0.0.0:8443', 'tls://0.0.0.0:8443', 'https://0.0.0.0:8443/'])
    assert.equal(parseAddress(text), { ...port, host: '0.0.0.0' })
  assert.equal(parseAddress('https://[::1]:8443'), { ...port, host: '::1' })
  assert.equal(parseAddress('https://example.com'), { ...port, host: 'example.com', port: 443 })
  assert.equal(parseAddress('https://[::1]'), { ...port, host: '::1', port: 443 })
  assert.equal(parseAddress('https://fd:3'), { kind: 'fd', fd: 3, isSecure: true })
  assert.equal(parseAddress('https://systemd'), {
    kind: 'systemd',
    name: undefined,
    isSecure: true,
  })
  assert.equal(parseAddress('https://unix:/run/app.sock'), {
    kind: 'unix',
    path: '/run/app.sock',
    isSecure: true,
  })
})

function refusal(given: string | number): ForkthreadError {
  try {
    parseAddress(given)
  } catch (error) {
    if (error instanceof ForkthreadError) return error
    throw error
  }
  throw new Error('was accepted')
}

for (const given of [
  '',
  ' ',
  'localhost',
  '65536',
  65_536,
  -1,
  1.5,
  Number.NaN,
  '127.0.0.1:65536',
  '127.0.0.1:',
  '127.0.0.1:-1',
  ':8080',
  ' :8080',
  '8080 ',
  '::1:8080',
  '[::1]',
  '[::1]:',
  '[127.0.0.1]:80',
  '[nonsense]:80',
  'http://127.0.0.1:8080',
  'host/path:80',
  'unix:',
  'unix:/run/a\0b',
  'unix:@',
  'unix:@a\0b',
  'fd:',
  'fd:0',
  'fd:2',
  'fd:-1',
  'fd:03',
  'fd:x',
  'systemd:',
  'systemd:a:b',
  'systemd:a\nb',
  'https://',
  'https://127.0.0.1:8443/path',
  'https://https://127.0.0.1:8443',
  'tls://host',
]) {
  test(`${JSON.stringify(given)} is refused, and the error shows it`, () => {
    const error = refusal(given)
    assert.is(error.code, 'FT_ERR_ADDRESS')
    assert.match(error.message, typeof given === 'string' ? /^listen: '/ : `listen: ${given} `)
    assert.match(error.message, 'PORT, HOST:PORT, [V6]:PORT, unix:PATH, unix:@NAME, fd:N, systemd')
  })
}

test.run()
