export { createPool } from './create-pool.js'

export { type ErrorCode, ForkthreadError } from './errors.js'
export type {
  ConnectionHandler,
  FetchHandler,
  HandlerContext,
  HandlerModule,
  RequestHandler,
  UpgradeHandler,
} from './handler.js'
export type { PoolOptions } from './options.js'
export type { ChildInfo, ExitInfo, Pool, PoolEvents } from './parent/pool.js'
export type {
  Decision,
  ListenerStats,
  ProcessStats,
  ReloadProgress,
  Stats,
  ThreadStats,
} from './stats.js'
