/** The pool's listeners are the truth: who of an app's servers gets which. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { SocketAddress } from '#dist/sys/sockaddr.js'
import { type Asked, askedText, type Claim, decideAdoption } from '#dist/worker/decide-adoption.js'

const tcp = (port: number, host?: string): Asked => ({ kind: 'tcp', host, port })
const at = (port: number, host = '::'): SocketAddress => ({ family: 6, host, port })
const claim = (asked: Asked | undefined, ...listeners: number[]): Claim<string> => ({
  server: 'other',
  asked,
  listeners,
})

test('the first server gets all listeners, whatever it asks for', () => {
  const listeners = [at(8080), at(9090)]
  const all = [0, 1]
  const wanted = { action: 'adopt', listeners: all }
  assert.equal(decideAdoption(tcp(3000), listeners, []), { ...wanted, isExact: false })
  assert.equal(decideAdoption(tcp(9090), listeners, []), { ...wanted, isExact: true })
})

test('a later one gets those of its port, and nothing else', () => {
  const listeners = [at(8080), at(9090), at(9090, '::1')]
  const first = claim(tcp(8080), 0, 1, 2)
  assert.equal(decideAdoption(tcp(9090), listeners, [first]), {
    action: 'adopt',
    listeners: [1, 2],
    isExact: true,
  })
  assert.equal(decideAdoption(tcp(3000), listeners, [first]), { action: 'refuse' })
})

test('the same port at another host is an alias, at the same host it is in use', () => {
  const listeners = [at(8080)]
  const first = claim(tcp(3000, '127.0.0.1'), 0)
  assert.equal(decideAdoption(tcp(3000, '::1'), listeners, [first]), {
    action: 'alias',
    listener: 0,
  })
  assert.equal(decideAdoption(tcp(3000, '127.0.0.1'), listeners, [first]), { action: 'in use' })
})

test('two at one port and two hosts have a listener each, if there are two', () => {
  const listeners = [at(3000, '127.0.0.1'), at(3000, '127.0.0.2')]
  const first = claim(tcp(3000, '127.0.0.1'), 0, 1)
  assert.equal(decideAdoption(tcp(3000, '127.0.0.2'), listeners, [first]), {
    action: 'adopt',
    listeners: [1],
    isExact: true,
  })
  const alias = { action: 'alias', listener: 0 }
  assert.equal(decideAdoption(tcp(3000, '::1'), listeners, [first]), alias)
  // It would leave nothing to the first one.
  assert.equal(decideAdoption(tcp(3000), [at(3000)], [claim(tcp(3000, '::1'), 0)]), alias)
  assert.equal(decideAdoption(tcp(3000), [at(3000), at(3000, '0.0.0.0')], [first]), {
    action: 'adopt',
    listeners: [0],
    isExact: true,
  })
})

test('unix paths and abstract names are told from each other', () => {
  const listeners: SocketAddress[] = [
    { family: 'unix', path: '/run/a.sock' },
    { family: 'abstract', name: 'a' },
  ]
  const first = claim(undefined, 0, 1)
  const unix = (path: string): Asked => ({ kind: 'unix', path })
  const adopts = (index: number) => ({ action: 'adopt', listeners: [index], isExact: true })
  assert.equal(decideAdoption(unix('/run/a.sock'), listeners, [first]), adopts(0))
  assert.equal(decideAdoption(unix('\0a'), listeners, [first]), adopts(1))
  assert.equal(decideAdoption(unix('/run/b.sock'), listeners, [first]), { action: 'refuse' })
})

test('as messages call it', () => {
  assert.is(askedText(tcp(80)), '*:80')
  assert.is(askedText(tcp(80, '::1')), '[::1]:80')
  assert.is(askedText({ kind: 'unix', path: '\0a' }), 'unix:@a')
})

test.run()
