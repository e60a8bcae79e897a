import { closeSync, fchownSync, openSync } from 'node:fs'
import type { Settings } from '../../options/options.js'
import { type AccessLogSettings, TO_STDOUT } from '../../shared/access-log.js'
import { fail } from '../../shared/errors.js'
import { fromStartFolder } from '../../shared/start-folder.js'
import type { Identity } from '../../shared/terms.js'

/** Where children log requests, if they do. */
export function accessLogOf({
  accessLog,
  accessLogFormat,
}: Settings): AccessLogSettings | undefined {
  if (accessLog === undefined) return undefined
  const path = accessLog === TO_STDOUT ? accessLog : fromStartFolder(accessLog)
  return { path, format: accessLogFormat }
}

/** Its path, if it is a file, which may be renamed. */
export function logFilePath(settings: Settings): string | undefined {
  const log = accessLogOf(settings)
  return log?.path === TO_STDOUT ? undefined : log?.path
}

/**
 * Makes the file, if there is none, as one that the children may open: they open it as whom they run when it has been renamed.
 * @throws FT_ERR_ACCESS_LOG
 */
export function prepareLogFile(
  log: AccessLogSettings | undefined,
  identity: Identity | undefined,
): void {
  if (log === undefined || log.path === TO_STDOUT) return
  try {
    const fd = openSync(log.path, 'a')
    if (identity !== undefined) fchownSync(fd, identity.uid, identity.gid)
    closeSync(fd)
  } catch (error) {
    const { code = '?' } = error as NodeJS.ErrnoException
    throw fail('FT_ERR_ACCESS_LOG', [log.path, code], error)
  }
}
