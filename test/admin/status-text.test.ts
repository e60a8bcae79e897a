/** `forkthread status` fits a screen, whatever the pool, and shows as much of it as has room. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { statusText, USUAL_SIZE } from '#dist/admin/status-text.js'
import { textOf, widthOf } from '#dist/admin/terminal-line.js'
import { HOSTILE, pageDataOf } from '../support/page-data.js'

const pool = (processes: number, letters: string): string[] => Array(processes).fill(letters)

function screen(data: Parameters<typeof statusText>[0], size = USUAL_SIZE): string {
  const lines = statusText(data, size)
  assert.ok(lines.length <= size.rows, `${lines.length} lines`)
  for (const line of lines) assert.ok(widthOf(line) <= size.columns, textOf(line))
  return lines.map(textOf).join('\n')
}

test('an ordinary pool has a line for each process', () => {
  const text = screen(pageDataOf(['W_', 'K_']))
  assert.match(text, /^forkthread 3784, generation 2, up 1\.9h\nServing: 3 of 4 threads idle/)
  assert.match(
    text,
    /^requests {5}1235\/s, p50 3\.2ms, p99 812ms; queue p50 0\.4ms, p99 12ms; busy 62%$/m,
  )
  assert.match(text, /^0 {2}3796 {2}ready {2}1\.0h {2}20min {4}128M {7}100 {2}W_$/m)
  assert.match(screen(pageDataOf(pool(8, 'WK__'))), /^7 {2}3803 .* WK__$/m)
})

test('many processes are several on a line, with their letters while those have room, else with counts', () => {
  const many = screen(pageDataOf([...pool(31, 'WWK_____'), 'SSSSSSSS']))
  assert.match(many, /^ 0 WWK_____ {3} 1 WWK_____ {3}/m)
  assert.match(many, /31 SSSSSSSS/)
  const most = screen(pageDataOf(pool(64, `${'W'.repeat(20)}${'_'.repeat(12)}`)))
  assert.match(most, /^ 0 20W 12_ {3}/m)
  assert.match(most, /63 20W 12_/)
})

test('what has no room is counted', () => {
  const mixed = Array.from({ length: 64 }, () => 'SSWWRRKKCCGG__')
  const text = screen(pageDataOf(mixed))
  const shown = text.match(/2S 2W/g)?.length ?? 0
  assert.ok(shown > 0)
  assert.match(text, new RegExp(`^and ${64 - shown} processes more$`, 'm'))
})

test('many addresses, a long reason and what users send keep to their lines', () => {
  const listeners = Array.from({ length: 30 }, (_, port) => ({
    address: `http://[::1]:${port}`,
    backlog: { length: 1, limit: 8 },
  }))
  const lastDecision = { at: 0, action: 'x'.repeat(70), reason: `y\n\x1b[2J`.repeat(90) }
  const data = pageDataOf(['W_', 'W_'], { listeners, lastDecision })
  const running = { process: 0, thread: 1, pid: 1, request: HOSTILE, inFlight: 1, busyMs: 8000 }
  const text = screen({ ...data, running: [running] })
  assert.match(text, /28 more addresses \(28 waiting in all\)/)
  assert.match(text, /^longest now {2}8\.0s in thread 0\.1: GET \/\?\]0;owned/m)
  assert.not.match(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
})

test('a larger terminal is used', () => {
  const text = screen(pageDataOf(pool(32, '_'.repeat(8))), { rows: 60, columns: 120 })
  assert.match(text, /^31 {2}3827 .* ________$/m)
})

test.run()
