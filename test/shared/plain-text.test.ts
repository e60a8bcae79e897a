/** What comes from clients steers no terminal, and takes as many columns as it is said to. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { columnsOf, cut, plainText } from '#dist/shared/plain-text.js'

test('controls, in seven and in eight bits, direction marks and line separators show as ?', () => {
  assert.is(plainText('GET /a?b=c%1b'), 'GET /a?b=c%1b')
  assert.is(plainText('a\x1b[2Jb\x9b2Jc\rd\ne\x00f\x7f'), 'a?[2Jb?2Jc?d?e?f?')
  assert.is(plainText('a\u202eb\u2028c\u200dd\u{e0041}e'), 'a?b?c?d?e')
  assert.is(plainText('ä漢字é😀'), 'ä漢字é😀')
})

test('wide characters take two columns, marks none', () => {
  assert.is(columnsOf('GET /'), 5)
  assert.is(columnsOf('ä'), 1)
  assert.is(columnsOf('a\u0301'), 1)
  assert.is(columnsOf('漢字カナ한글'), 12)
  assert.is(columnsOf('😀！'), 4)
})

test('what is cut ends with a mark, inside the columns', () => {
  assert.is(cut('abc', 3), 'abc')
  assert.is(cut('abcd', 3), 'ab…')
  assert.is(cut('漢字', 3), '漢…')
  assert.is(cut('漢字漢', 4), '漢…')
  assert.is(cut('abc', 0), '')
})

test.run()
