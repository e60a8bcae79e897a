/** Whose connections are on their way finds somebody to take them, in any order of events; and nobody looks for longer than there may be some. */
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Takeover } from '#dist/parent/children/takeover.js'
import { Scoreboard } from '#dist/sync/scoreboard.js'
import { SCOREBOARD_BYTES } from '#dist/sync/scoreboard-layout.js'
import { Transfer } from '#dist/sync/transfer.js'
import { closeDescriptor } from '#dist/sys/descriptor.js'
import { openDescriptorSockets } from '#dist/sys/descriptor-socket.js'
import { until } from '../../support/until.js'

const LIMIT_MS = 30_000
/** Some looks of a takeover. */
const SOME_LOOKS_MS = 200

type Child = Parameters<Takeover['ready']>[0]

interface Place extends Disposable {
  readonly takeover: Takeover
  /** Children with this state and generation. */
  readonly children: {
    state: string
    generation: number
    called: number
    takes?: boolean
    receive(takes: boolean): void
  }[]
  /** Puts a connection in. */
  put(): void
  take(): void
  /** How often somebody has looked how many wait. */
  readonly looks: () => number
}

function place(): Place {
  const scoreboard = new Scoreboard(new ArrayBuffer(SCOREBOARD_BYTES))
  scoreboard.format()
  const ends = openDescriptorSockets()
  let looks = 0
  const transfer = new (class extends Transfer {
    override get waiting(): number {
      looks++
      return super.waiting
    }
  })(ends, scoreboard)
  const children: Place['children'] = []
  const takeover = new Takeover(() => children as unknown as readonly Child[], transfer)
  return {
    ...{ takeover, children, looks: () => looks },
    put: () => assert.ok(transfer.put(ends.sendEnd)),
    take: () => closeDescriptor(transfer.take().fd),
    [Symbol.dispose]: () => {
      takeover.stop()
      for (const fd of [ends.sendEnd, ends.receiveEnd]) closeDescriptor(fd)
    },
  }
}

function child(generation: number): Place['children'][number] {
  return {
    ...{ state: 'ready', generation, called: 0 },
    receive(takes) {
      this.called++
      this.takes = takes
    },
  }
}

test('while the children of an old parent leave, reloads of the new one change nothing in that', async () => {
  using there = place()
  const { takeover, children } = there
  takeover.followOthers(new Promise(() => undefined))
  // A reload: a child leaves with connections, and is gone.
  const first = child(0)
  children.push(first, child(1))
  first.state = 'draining'
  takeover.begin()
  children.shift()
  takeover.gone()
  await sleep(SOME_LOOKS_MS)
  // Another one, of a pool without connections: nobody who would take any is left.
  const last = child(2)
  children.splice(0, 1, last)
  takeover.ready(last as unknown as Child)
  assert.is(last.called, 0)
  // The old parent's last child gives away its own.
  there.put()
  await until(() => last.called > 0, LIMIT_MS, 'it is called')
})

test('nobody looks any more when the last has left and all are taken', async () => {
  using there = place()
  const { takeover, children } = there
  const first = child(0)
  children.push(first, child(1))
  first.state = 'draining'
  takeover.begin()
  there.put()
  children.shift()
  takeover.gone()
  const before = there.looks()
  await until(() => there.looks() > before + 1, LIMIT_MS, 'looks while one waits')
  there.take()
  const isQuiet = async (): Promise<boolean> => {
    const looks = there.looks()
    await sleep(SOME_LOOKS_MS)
    return there.looks() === looks
  }
  await until(isQuiet, LIMIT_MS, 'nobody looks')
})

test('who will leave next leaves them to the newest, unless there is nobody newer any more', () => {
  using there = place()
  const { takeover, children } = there
  const leaving = child(0)
  const next = child(0)
  const newest = child(1)
  children.push(leaving, next, newest)
  leaving.state = 'draining'
  takeover.begin()
  assert.equal([leaving.takes, next.takes, newest.takes], [undefined, false, true])
  // The reload fails: its only child is gone.
  children.pop()
  takeover.gone()
  assert.is(next.takes, true)
})

test.run()
