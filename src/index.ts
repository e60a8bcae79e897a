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
export type { ExitInfo, PoolEvents } from './parent/pool-events.js'
export { type ErrorCode, ForkthreadError } from './shared/errors.js'
export type { LogFormat, Logger, LogLevel, Origin } from './shared/logger.js'
export type {
  Decision,
  ListenerStats,
  ProcessStats,
  ReloadProgress,
  Stats,
  ThreadStats,
} from './shared/stats.js'
export type { ChildInfo, ThreadInfo } from './shared/thread-info.js'
