/** Delivery: in order, also when the manager is slow to read. What is said when: see systemd.test.ts. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SystemdNotify } from '#dist/parent/systemd/systemd-notify.js'
import { DatagramReceiver } from '../../support/datagram-receiver.js'
import { tempFolder } from '../../support/temp-folder.js'
import { until } from '../../support/until.js'

function unreported(error: Error): never {
  throw error
}

test('several things in one go are one message, in which a status can add nothing of its own', () => {
  using folder = tempFolder()
  using systemd = new DatagramReceiver({ family: 'unix', path: folder.file('notify') })
  const notifier = new SystemdNotify({ NOTIFY_SOCKET: systemd.name }, 1, unreported)
  notifier.notify({ ready: true, mainPid: 4711, status: 'fine\nSTOPPING=1' })
  notifier.close()
  assert.equal(systemd.messages, ['READY=1\nMAINPID=4711\nWATCHDOG=1\nSTATUS=fine STOPPING=1'])
})

if (process.platform === 'linux') {
  test('what does not fit into the queue of the manager follows in order', async () => {
    using folder = tempFolder()
    using systemd = new DatagramReceiver({ family: 'unix', path: folder.file('notify') })
    const notifier = new SystemdNotify({ NOTIFY_SOCKET: systemd.name }, 1, unreported)
    const queue = Number(readFileSync('/proc/sys/net/unix/max_dgram_qlen', 'utf8'))
    const numbers = Array.from({ length: queue + 20 }, (_, index) => index)
    for (const number of numbers) notifier.notify({ status: String(number) })
    await until(() => systemd.messages.length === numbers.length, 30_000, 'all messages')
    notifier.close()
    assert.equal(
      systemd.messages,
      numbers.map((number) => `STATUS=${number}`),
    )
  })
}

test('without a socket, or with one of a virtual machine, nothing is said', () => {
  for (const NOTIFY_SOCKET of [undefined, '', 'vsock:2:1234']) {
    const notifier = new SystemdNotify({ NOTIFY_SOCKET, WATCHDOG_USEC: '1000' }, 1, unreported)
    notifier.notify({ ready: true })
    notifier.startWatchdog(() => true)
    notifier.close()
  }
})

test.run()
