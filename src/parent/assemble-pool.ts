import type { PoolOptions } from '../options/options.js'
import type { Stats } from '../shared/stats.js'
import { signalEvent } from '../sys/event-descriptor.js'
import { Answers } from './answers/answers.js'
import type { Obedient } from './answers/orders.js'
import { Readiness } from './answers/readiness.js'
import { Listening } from './binding/listening.js'
import { logFilePath } from './binding/log-file.js'
import type { Resources } from './binding/resources.js'
import { ChannelHub } from './children/channel-hub.js'
import { Children } from './children/children.js'
import type { Inheritance } from './children/fork-process.js'
import { Leadership } from './children/leadership.js'
import { Closing } from './closing.js'
import { followChildren } from './follow-children.js'
import type { Opened } from './open-pool.js'
import { PoolNews } from './pool-news.js'
import { PoolState } from './pool-state.js'
import { Chronicle } from './records/chronicle.js'
import { Records } from './records/records.js'
import { FileWatch } from './reload/file-watch.js'
import { ReloadQueue } from './reload/reload-queue.js'
import { Reloads } from './reload/reloads.js'
import { readyNotice } from './systemd/ready-notice.js'
import { SystemdNotify } from './systemd/systemd-notify.js'
import { TlsRenewal } from './tls/tls-renewal.js'
import { Handover } from './upgrade/handover.js'
import { OtherParent } from './upgrade/other-parent.js'
import { RotationWatch } from './upgrade/rotation-watch.js'
import { CodeWatch } from './upkeep/code-watch.js'
import { Upkeep } from './upkeep/upkeep.js'

/** What a pool consists of. Each part keeps a state of its own, and knows only those others that it is told here. */
export interface PoolParts {
  readonly resources: Resources
  readonly state: PoolState
  readonly news: PoolNews
  readonly children: Children
  readonly code: CodeWatch
  readonly upkeep: Upkeep
  readonly channels: ChannelHub
  readonly leadership: Leadership
  readonly listening: Listening
  readonly records: Records
  readonly reloads: Reloads
  readonly reloadQueue: ReloadQueue<Partial<PoolOptions>>
  readonly handover: Handover
  readonly otherParent: OtherParent
  readonly readiness: Readiness
  readonly answers: Answers
  readonly systemd: SystemdNotify
  readonly tls: TlsRenewal
  /** With `watch` only. */
  readonly files: FileWatch | undefined
  readonly closing: Closing
}

/** Makes the parts of `pool`, and has them follow each other; nothing has been started then. */
export function assemblePool(
  pool: Obedient & { stats(): Stats },
  given: PoolOptions,
  { settings, resources, generation, predecessor }: Opened,
): PoolParts {
  const { scoreboard, passOn } = resources
  const { processes, threads, spares } = settings
  const hurry = new AbortController()
  const state = new PoolState()
  const chronicle = new Chronicle()
  const news = new PoolNews(pool, state, chronicle)
  const decide: PoolNews['decide'] = (...decision) => news.decide(...decision)
  const report = (error: Error): void => news.report(error)
  const listening = new Listening(resources)
  const systemd = new SystemdNotify(settings.systemdNotify ? process.env : {}, process.pid, report)
  const children = new Children({ inheritance: inheritanceOf(resources), scoreboard }, generation, {
    processes,
    threads,
    spares,
  })
  const code = new CodeWatch((text) => news.note(text))
  const wakeNext = (): void => {
    if (passOn !== undefined && state.now !== 'closed') signalEvent(passOn)
  }
  const upkeep = new Upkeep(children, {
    ...{ scoreboard, code, decide, report },
    waiting: () => listening.waiting,
    stuck: wakeNext,
  })
  const channels = new ChannelHub(children)
  const leadership = new Leadership(children, predecessor === undefined)
  const tls = new TlsRenewal(children, resources.ticketKeys, decide, report)
  const records = new Records({ resources, children, listening, news, chronicle, code })
  const reloads = new Reloads(children, resources, given, settings, {
    begin: () => {
      state.requireServing('reload()')
      systemd.notify({ reloading: true, status: 'Reloading' })
    },
    progress: (progress) => {
      const { phase, generation, step } = progress
      if (phase === 'done' || phase === 'failed') chronicle.reloaded(phase, generation, step)
      pool.emit('reload', progress)
    },
    done: (kinds) => {
      listening.serves(kinds)
      listening.deferAccept(reloads.settings.deferAccept)
    },
    // Ready again also when it failed: the old generation serves. But not when the pool stops meanwhile.
    end: () => {
      if (state.now === 'serving')
        systemd.notify(readyNotice(listening.addresses, children.generation.number))
    },
  })
  const reloadQueue = new ReloadQueue<Partial<PoolOptions>>((changes) => reloads.carryOut(changes))
  const handover = new Handover({
    resources,
    reloads: reloadQueue,
    settings: () => reloads.settings,
    hurry: hurry.signal,
    done: (pid) => {
      // The new parent answers at the same address.
      answers.handOver()
      systemd.notify({ mainPid: pid })
      // The new parent is to begin with all that this one has told; what its children still do comes until they are gone.
      records.counting.settle()
      void closing.close()
    },
  })
  const rotations = new RotationWatch(
    () => logFilePath(reloads.settings),
    () => children.reopenLogs(),
  )
  const otherParent = new OtherParent(records.counting, rotations)
  const readiness = new Readiness({ state, children, handover, news, stats: () => pool.stats() })
  const answers = new Answers(resources, settings.adminToken, () => readiness.agentReply)
  followChildren(children, { pool, state, news, chronicle, slow: records.slow, wakeNext })
  const files = settings.watch ? watchFiles(children, state, news, () => pool.reload()) : undefined
  const closing = new Closing({
    ...{ pool, state, resources, listening, children, upkeep, handover, systemd, hurry },
    settings: () => reloads.settings,
    release: () => {
      files?.close()
      tls.stop()
      systemd.close()
      otherParent.forget()
      records.close()
      children.takeover.stop()
      answers.close()
    },
  })
  return {
    ...{
      resources,
      state,
      news,
      children,
      code,
      upkeep,
      channels,
      leadership,
      listening,
      records,
      reloads,
    },
    ...{ reloadQueue, handover, otherParent, readiness, answers, systemd, tls, files, closing },
  }
}

/** A file that does not load makes the reload fail, and nothing more happens until one of them changes again. */
function watchFiles(
  children: Children,
  state: PoolState,
  news: PoolNews,
  reload: () => Promise<void>,
): FileWatch {
  const files = new FileWatch((file) => {
    if (state.now !== 'serving') return
    news.decide('reload', `${file} has changed`)
    reload().catch((error) => news.report(error))
  })
  children.on('loaded', (loaded) => files.add(loaded))
  return files
}

function inheritanceOf(resources: Resources): Inheritance {
  const { listeners, scoreboardFd, ticketKeys, passOn, mailbox, transfer, lockFiles } = resources
  return {
    ...{ ticketKeys, passOn, mailbox, transfer },
    listeners: listeners.map(({ fd }) => fd),
    scoreboard: scoreboardFd,
    lockFiles: lockFiles.descriptors,
  }
}
