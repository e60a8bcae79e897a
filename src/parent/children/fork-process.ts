import { type ChildProcess, fork } from 'node:child_process'
import { TOKEN_VARIABLE } from '../../options/parse-options.js'
import { entryFile } from '../../shared/entry-files.js'
import { withoutInspector } from '../../shared/inspector-flags.js'
import type { StartChild } from '../../shared/messages-to-child.js'
import { folderForChildren } from '../../shared/start-folder.js'
import type { DescriptorEnds } from '../../sync/descriptor-ends.js'
import { closeAllOnExec } from '../../sys/descriptor.js'
import { addonPath } from '../../sys/koffi-addon.js'
import { withoutSystemd } from '../systemd/systemd-environment.js'

/** Descriptors 0 to 2 are the usual ones, 3 is Node's channel. */
const FIRST_INHERITED = 4

/** What a child needs to inherit: descriptors of this process. */
export interface Inheritance {
  readonly listeners: readonly number[]
  readonly scoreboard: number
  readonly ticketKeys: number
  /** Only where there is no accept mutex. */
  readonly passOn: number | undefined
  /** Only where connections may be parked. */
  readonly mailbox: DescriptorEnds | undefined
  /** The way of idle connections from processes that leave to those that stay. */
  readonly transfer: DescriptorEnds | undefined
  /** Files of the accept mutex, for each child to open anew. */
  readonly lockFiles: readonly number[]
}

/** The numbers that they have in the child, as it is told them. */
export type Inherited = Pick<
  StartChild,
  'listeners' | 'scoreboard' | 'ticketKeys' | 'passOn' | 'mailbox' | 'transfer' | 'lockDescriptors'
>

export interface Forked {
  readonly process: ChildProcess
  readonly inherited: Inherited
}

/** Starts the process of a child, which begins in `child/main` and waits there to be told more. */
export function forkProcess(inheritance: Inheritance, dropsPrivileges: boolean): Forked {
  const { listeners, scoreboard, ticketKeys, passOn, mailbox, transfer, lockFiles } = inheritance
  const descriptors: number[] = []
  const inherit = (fd: number): number => FIRST_INHERITED + descriptors.push(fd) - 1
  const inheritEnds = ({ sendEnd, receiveEnd }: DescriptorEnds): DescriptorEnds => ({
    sendEnd: inherit(sendEnd),
    receiveEnd: inherit(receiveEnd),
  })
  const inherited: Inherited = {
    listeners: listeners.map(inherit),
    scoreboard: inherit(scoreboard),
    ticketKeys: inherit(ticketKeys),
    passOn: passOn === undefined ? -1 : inherit(passOn),
    ...(mailbox === undefined ? {} : { mailbox: inheritEnds(mailbox) }),
    ...(transfer === undefined ? {} : { transfer: inheritEnds(transfer) }),
    lockDescriptors: lockFiles.map(inherit),
  }
  closeAllOnExec()
  const addon = addonPath()
  const process = fork(entryFile('child/main.cjs'), addon === undefined ? [] : [addon], {
    cwd: folderForChildren(),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...descriptors],
    // No code of the user runs in the child's main thread, so flags such as --inspect have no business there.
    execArgv: [],
    env: childEnvironment(dropsPrivileges),
  })
  return { process, inherited }
}

/**
 * libuv would do file operations through io_uring, if the user asks for that or Node is older than 20.11.1, and such a ring keeps
 * the rights of the moment in which it was made (CVE-2024-22017).
 */
function childEnvironment(dropsPrivileges: boolean): NodeJS.ProcessEnv {
  const { [TOKEN_VARIABLE]: _, ...environment } = process.env
  return {
    ...withoutSystemd(withoutInspector(environment)),
    ...(dropsPrivileges ? { UV_USE_IO_URING: '0' } : {}),
  }
}
