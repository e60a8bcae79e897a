import './told-addon.js'
import { pathToFileURL } from 'node:url'
import { entryFile } from '../shared/entry-files.js'
import { fail, serializeError } from '../shared/errors.js'
import type { ParentMessage, StartChild } from '../shared/messages-to-child.js'
import type { ChildMessage } from '../shared/messages-to-parent.js'
import { finish, guardMain, standardTerms } from '../shared/standard-output.js'
import { exitImmediately } from '../sys/exit.js'
import { AccessLogFile } from './access-log-file.js'
import { Child } from './child.js'
import type { DrainTerms } from './drain.js'
import { checkReadable, dropPrivileges } from './drop-privileges.js'
import { openLockFiles } from './lock-files.js'

// The main thread of a child: starts threads, obeys the parent. No code of the user runs here.

// Ctrl-C and a terminal that closes reach the whole process group; the parent decides what follows from it.
for (const signal of ['SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU'] as const)
  process.on(signal, () => undefined)

const send = async (message: ChildMessage): Promise<void> => {
  if (!process.connected) return
  await new Promise<void>((resolve) =>
    process.send?.(message, undefined, undefined, () => resolve()),
  )
}

// Before it becomes somebody who may not open them.
const standard = standardTerms()
const output = guardMain(standard, (stream, lines, why) => {
  const who = `Child ${process.pid}`
  const error = serializeError(fail('FT_ERR_OUTPUT_LOST', [who, stream, lines, why]))
  void send({ type: 'report', error })
})

/** How long the parent has for killing this child before it ends itself. */
const PARENT_FIRST_MS = 500

/** How long a child that was sent TERM waits for the parent's word. Beyond that the parent is stopped, or hangs. */
const WORD_MS = 2_000

let child: Child | undefined
let accessLog: AccessLogFile | undefined
let drainTimeout = 0
let isLeaving = false

const giveUp = (): void => {
  child?.removeLeftovers()
  accessLog?.finish()
  finish(output)
  exitImmediately(1)
}

const leave = async (terms: DrainTerms): Promise<void> => {
  if (isLeaving) return void child?.drain(terms)
  isLeaving = true
  // Normally the parent's patience ends first, but it may be gone.
  if (drainTimeout > 0) setTimeout(giveUp, drainTimeout + PARENT_FIRST_MS)
  await child?.drain(terms)
  accessLog?.finish()
  finish(output)
  const canExit = await child?.hasOnlyMainThread()
  await send({ type: 'drained' })
  // So that Node and what was preloaded write what they write at the end, such as the coverage.
  if (canExit) process.exit(0)
  exitImmediately(0)
}

/** Who it is comes first: all that this child opens, starts and loads is of the right user. */
const start = (message: StartChild): void => {
  if (child !== undefined) return
  drainTimeout = message.drainTimeout
  process.title = `forkthread: child ${message.slot} (generation ${message.generation})`
  try {
    if (message.umask !== undefined) process.umask(message.umask)
    if (message.accessLog !== undefined)
      accessLog = new AccessLogFile(message.accessLog, { standard, output }, (error) => {
        void send({ type: 'report', error })
      })
    const lockFiles = openLockFiles(message)
    if (message.identity !== undefined) {
      dropPrivileges(message.identity)
      checkReadable(message.identity, [
        pathToFileURL(entryFile('worker/lease.cjs')),
        new URL(message.handler),
      ])
    }
    child = new Child(message, lockFiles, { standard, output, accessLog }, send)
  } catch (error) {
    void send({ type: 'failed', error: serializeError(error) }).then(() => exitImmediately(1))
  }
}

process.on('message', (message: ParentMessage) => {
  switch (message.type) {
    case 'start':
      start(message)
      return
    case 'drain':
      void leave(message)
      return
    case 'resize':
      child?.resize(message)
      return
    case 'receive':
      child?.receive(message.takes)
      return
    case 'channel':
    case 'lost':
    case 'lead':
      child?.tellThreads(message)
      return
    case 'tls':
      child?.renewTls(message.tls)
      return
    case 'reopen':
      accessLog?.reopen()
      return
    case 'capture':
      void child?.capture(message)
      return
    case 'ask':
      void send({ type: 'alive' })
  }
})
// Node would start its inspector, which nobody has asked for.
process.on('SIGUSR1', () => accessLog?.reopen())
// The parent is gone, and so will be all its children: finish and leave.
process.on('disconnect', () => void leave({ emptyMailbox: true, moves: false }))
// Sent to this child alone, it means the same; the parent replaces the child if the pool goes on. But systemd, tini -g and `kill 0`
// send it to the whole group. Only the parent knows whether the pool ends, and then what waits in the backlogs is this child's to
// serve. So it asks, and serves on until the parent says what leaving means; once more is the same wish.
process.on('SIGTERM', () => {
  if (child === undefined || !process.connected)
    return void leave({ emptyMailbox: true, moves: false })
  void send({ type: 'leaving' })
  setTimeout(() => {
    if (!isLeaving) void leave({ emptyMailbox: true, moves: false })
  }, WORD_MS)
})
