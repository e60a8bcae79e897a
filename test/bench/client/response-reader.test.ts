import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ResponseReader } from './response-reader.js'

const OK = 'HTTP/1.1 200 OK\r\n'
const read = (...chunks: string[]) => {
  const reader = new ResponseReader()
  return { reader, states: chunks.map((chunk) => reader.push(Buffer.from(chunk, 'latin1'))) }
}

test('ends after Content-Length, wherever the chunks are cut', () => {
  const { reader, states } = read('HTTP/1.1 20', '0 OK\r\nContent-Length: 5\r\n', '\r\nhe', 'llo')
  assert.equal(states, ['partial', 'partial', 'partial', 'complete'])
  assert.is(reader.body, 'hello')
  assert.is(reader.isLast, false)
})

test('ends with the stream when there is no length', () => {
  const { reader, states } = read(`${OK}Connection: close\r\n\r\nhello`)
  assert.equal(states, ['partial'])
  assert.is(reader.end(), 'complete')
  assert.is(reader.isLast, true)
})

test('is broken by another status, by too many bytes, and by an early end', () => {
  assert.equal(read('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n').states, ['broken'])
  assert.equal(read(`${OK}Content-Length: 1\r\n\r\nab`).states, ['broken'])
  assert.is(read(`${OK}Content-Length: 5\r\n\r\nhe`).reader.end(), 'broken')
  assert.is(read('').reader.end(), 'broken')
})

test.run()
