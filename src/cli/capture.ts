import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { openAdminStream } from '../admin/client.js'
import { parseAddress } from '../options/address.js'
import type { CaptureKind } from '../shared/stats.js'

/**
 * `forkthread profile --thread P.T --seconds N` and `forkthread heap --thread P.T`: writes what Chrome's DevTools open to standard output.
 * @throws FT_ERR_ADMIN, FT_ERR_ADDRESS
 */
export async function capture(
  kind: CaptureKind,
  admin: string,
  thread: string,
  seconds: string,
  token: string | undefined,
): Promise<number> {
  const query = new URLSearchParams({ thread, seconds })
  const response = await openAdminStream(admin, parseAddress(admin), `/${kind}?${query}`, token)
  const output = process.stdout.isTTY ? createWriteStream(fileName(kind, thread)) : process.stdout
  if (process.stdout.isTTY) process.stderr.write(`writing ${fileName(kind, thread)}\n`)
  await pipeline(response, output)
  return 0
}

/** Nobody reads it on a terminal. */
function fileName(kind: CaptureKind, thread: string): string {
  return `thread-${thread}.${kind === 'profile' ? 'cpuprofile' : 'heapsnapshot'}`
}
