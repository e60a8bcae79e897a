import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type RecycleSituation, recycleReason } from '#dist/child/decide-recycle.js'

const young: RecycleSituation = {
  thread: 0,
  startedMs: 1000,
  requests: 999,
  heapBytes: 4_999_999,
  recycle: { requests: 1000, heap: 5_000_000 },
}
const never = { requests: 0, heap: 0 }

const table: readonly [string, RecycleSituation, string | undefined][] = [
  ['not before its time', young, undefined],
  [
    'for its requests',
    { ...young, requests: 1000 },
    'it served 1000 requests, recycleRequests is 1000',
  ],
  [
    'for its heap',
    { ...young, heapBytes: 5_000_000 },
    'its heap has 5000000 bytes, recycleHeap is 5000000',
  ],
  ['never, without limits', { ...young, requests: 1e9, heapBytes: 1e9, recycle: never }, undefined],
]
for (const [name, situation, expected] of table)
  test(name, () => assert.is(recycleReason(situation), expected))

test('threads that started together go one after the other, all of them within a tenth', () => {
  const goAt = [0, 1, 2].map((thread) => {
    let requests = 1000
    while (recycleReason({ ...young, thread, requests }) === undefined) requests++
    return requests
  })
  assert.is(new Set(goAt).size, 3, goAt.join())
  assert.ok(goAt.every((requests) => requests <= 1100))
})

test.run()
