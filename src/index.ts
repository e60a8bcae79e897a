export { createPool } from './create-pool.js'
export type {
  ConnectionHandler,
  FetchHandler,
  HandlerContext,
  HandlerModule,
  RequestHandler,
  UpgradeHandler,
} from './handler.js'
export type { PoolOptions } from './options/options.js'
export type { Pool } from './parent/pool.js'
export type { ChildInfo, ExitInfo, PoolEvents } from './parent/pool-events.js'
export { type ErrorCode, ForkthreadError } from './shared/errors.js'
export type {
  Decision,
  ListenerStats,
  ProcessStats,
  ReloadProgress,
  Stats,
  ThreadStats,
} from './shared/stats.js'
