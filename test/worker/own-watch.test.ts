/** What a worker thread does when its event loop calls it for the listeners, and when that goes wrong. */
import { constants } from 'node:os'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ThreadWord, threadWord } from '#dist/sync/child-memory.js'
import { closeDescriptor } from '#dist/sys/descriptor.js'
import { signalEvent } from '#dist/sys/event-descriptor.js'
import { knowsEventLoop } from '#dist/sys/event-loop.js'
import { declare } from '#dist/sys/libc.js'
import { acceptConnection } from '#dist/sys/socket.js'
import type { Activity } from '#dist/worker/activity.js'
import { OwnWatch } from '#dist/worker/own-watch.js'
import { until } from '../support/until.js'
import { WatchedChild } from '../support/watched-child.js'

const LIMIT_MS = 30_000
const SHUT_RDWR = 2
const { EINVAL, EMFILE } = constants.errno
const shutdown = declare<[number, number]>('int shutdown(int fd, int how)')

type Called = ReturnType<Activity['called']>

const TAKES: Called = { shortage: 0, stepsBack: false, isVain: false }
const IN_VAIN: Called = { shortage: 0, stepsBack: false, isVain: true }

/** The thread of this test, with a child around it. `says` plays its activity. */
class Scene implements Disposable {
  readonly child = new WatchedChild()
  readonly reports: unknown[] = []
  /** When it was told to watch again. */
  readonly again: number[] = []
  calls = 0
  says: (isPassedOn: boolean) => Called = () => {
    this.accept()
    return TAKES
  }
  readonly own: OwnWatch

  constructor() {
    const { memory, passOn, acceptor } = this.child
    const activity = {
      called: (isPassedOn?: boolean) => {
        this.calls++
        return this.says(isPassedOn === true)
      },
      watchAgain: () => {
        this.again.push(performance.now())
        this.own.watch.on()
      },
    }
    const onShortage = (error: unknown): void => void this.reports.push(error)
    this.own = new OwnWatch({ memory, thread: 0, passOn, acceptor, activity, onShortage })
  }

  async open(): Promise<void> {
    await this.own.open()
    this.own.watch.on()
  }

  accept(): void {
    closeDescriptor(acceptConnection(this.child.listener))
  }

  /** As the hand-off answers when it can't take anything. */
  refuses(answer: Called): Called {
    this.own.watch.off()
    return answer
  }

  [Symbol.dispose](): void {
    this.own.close()
    closeDescriptor((this.child.words[threadWord(0, ThreadWord.loop)] ?? 0) - 1)
    this.child[Symbol.dispose]()
  }
}

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await turn()
}

if (knowsEventLoop) {
  test('each connection calls, and nothing else does', async () => {
    using scene = new Scene()
    await scene.open()
    for (let count = 1; count <= 5; count++) {
      scene.child.connect()
      await until(() => scene.calls === count, LIMIT_MS, `call ${count}`)
    }
    await turns(50)
    assert.is(scene.calls, 5)
    assert.not(scene.child.takeSignal())
  })

  test('one that a call is passed to clears it, and knows that it was passed on', async () => {
    using scene = new Scene()
    await scene.open()
    const heard: boolean[] = []
    scene.says = (isPassedOn) => {
      heard.push(isPassedOn)
      return IN_VAIN
    }
    signalEvent(scene.child.passOn)
    await until(() => heard.length > 0, LIMIT_MS, 'it is called')
    assert.equal(heard, [true])
    assert.not(scene.child.takeSignal())
  })

  test('a shortage is reported once, and the pauses grow until it is over', async () => {
    using scene = new Scene()
    await scene.open()
    scene.says = () => scene.refuses({ ...IN_VAIN, shortage: EMFILE })
    scene.child.connect()
    await until(() => scene.again.length >= 4, LIMIT_MS, 'it looks again')
    assert.is(scene.reports.length, 1)
    assert.match(String(scene.reports[0]), 'accept failed with EMFILE')
    const [first = 0, , , fourth = 0] = scene.again
    // 20, 40 and 80 ms lie between; timers may be early by a part of one each.
    assert.ok(fourth - first > 130, `${fourth - first} ms`)
    scene.says = () => {
      scene.accept()
      return TAKES
    }
    const { calls } = scene
    await until(() => scene.calls > calls, LIMIT_MS, 'it is called again')
    scene.says = () => scene.refuses({ ...IN_VAIN, shortage: EMFILE })
    scene.child.connect()
    await until(() => scene.reports.length === 2, LIMIT_MS, 'the next shortage is reported as well')
  })

  test('a thread that steps back looks again', async () => {
    using scene = new Scene()
    await scene.open()
    let left = 5
    scene.says = () => {
      if (left-- > 0) return scene.refuses({ ...IN_VAIN, stepsBack: true })
      scene.accept()
      return TAKES
    }
    scene.child.connect()
    await until(() => scene.calls === 6, LIMIT_MS, 'it takes at last')
    assert.is(scene.again.length, 5)
    assert.is(scene.reports.length, 0)
  })

  test('one that is closed is called no more, and calls another for what waits', async () => {
    using scene = new Scene()
    await scene.open()
    scene.own.watch.off()
    scene.child.connect()
    scene.own.watch.on()
    scene.own.close()
    assert.ok(scene.child.takeSignal())
    assert.not(scene.own.watch.isOn)
    await turns(50)
    assert.is(scene.calls, 0)
  })

  test('when somebody shuts the listener, the loop neither ends nor calls for ever', async () => {
    using scene = new Scene()
    await scene.open()
    // What `accept` says of it then lasts.
    scene.says = () => scene.refuses({ ...IN_VAIN, shortage: EINVAL })
    shutdown(scene.child.listener, SHUT_RDWR)
    await until(() => !scene.own.watch.isOn, LIMIT_MS, 'it watches no more')
    await until(() => scene.again.length > 0, LIMIT_MS, 'it tries again, or is opened anew')
    const { calls } = scene
    await turns(50)
    assert.ok(scene.calls - calls < 25, `${scene.calls - calls} calls in 50 turns`)
  })
} else test('skipped: this system does not tell where event loops sleep', () => undefined)

test.run()
