import type { PageData } from '../../admin/page-data.js'
import type { LoadPoint, OrderName } from '../../shared/stats.js'

export const SORTS = ['number', 'busy', 'cpu', 'memory', 'requests', 'age'] as const
export type Sort = (typeof SORTS)[number]

/** What a process has done since it was last looked at. */
export interface Rate {
  /** Of one processor, so it may be above 1. */
  readonly cpuShare: number
  readonly requestsPerSecond: number
}

/** A process, or one of its threads. */
export interface Place {
  readonly process: number
  readonly thread?: number
}

/** An order that a key has given, as the admin address takes it. */
export interface TopOrder {
  readonly name: OrderName
  readonly query: Readonly<Record<string, string>>
}

export interface Question {
  readonly text: string
  readonly order: TopOrder
}

/** What has become of an order. */
export interface Message {
  readonly level: 'dim' | 'good' | 'bad'
  readonly lines: readonly string[]
}

/** All that is drawn. */
export interface TopState {
  readonly data: PageData
  readonly points: readonly LoadPoint[]
  /** By pid: a slot has one process after another. */
  readonly rates: ReadonlyMap<number, Rate>
  readonly sort: Sort
  readonly chosen: Place
  /** Slots of the processes whose threads are shown. */
  readonly open: ReadonlySet<number>
  readonly isPaused: boolean
  readonly isHelp: boolean
  readonly question?: Question | undefined
  readonly message?: Message | undefined
  /** Why there is nothing newer than `data`. */
  readonly trouble?: string | undefined
}
