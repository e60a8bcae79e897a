import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { findCommand } from '../peers/find-command.js'
import type { Load, LoadResult } from './load.js'

const run = promisify(execFile)

/** As fast as the server answers, over 32 connections that stay open. */
export const keepAlive: Load = wrk('keep-alive', true, [])

/** As fast as the server answers, a new connection for every request. */
export const close: Load = wrk('close', false, ['-H', 'Connection: close'])

/** Why wrk can't be used and what to do; undefined when it can. */
export function missingWrk(): string | undefined {
  // Others are no substitute: ab speaks HTTP/1.0 and hey takes a core for itself, so their figures would look
  // like wrk's and not be comparable with them.
  return findCommand('wrk') === undefined
    ? 'wrk is not installed (apt-get install wrk): nothing is saturated'
    : undefined
}

// One thread: with the server on the same few cores, more threads of wrk only take more from it.
function wrk(name: string, keepsConnections: boolean, extra: readonly string[]): Load {
  const args = ['-t1', '-c32', ...extra]
  return {
    name,
    description: `saturation: wrk ${args.map((arg) => (arg.includes(' ') ? `'${arg}'` : arg)).join(' ')}`,
    transport: 'tcp',
    work: 'hello',
    fillsThreads: false,
    keepsConnections,
    async drive([address], { seconds, signal, meter }) {
      if (address === undefined || !('port' in address)) throw new Error('wrk needs a port')
      const url = `http://127.0.0.1:${address.port}/`
      meter.begin()
      const { stdout } = await run(
        'wrk',
        [...args, `-d${Math.max(1, Math.floor(seconds))}s`, url],
        { signal },
      )
      await meter.end()
      return parse(stdout)
    },
  }
}

function parse(report: string): LoadResult {
  const requests = Number(/(\d+) requests in /.exec(report)?.[1])
  const requestsPerSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(report)?.[1])
  if (Number.isNaN(requests) || Number.isNaN(requestsPerSecond)) {
    throw new Error(`wrk wrote no figures:\n${report}`)
  }
  // wrk prints these two lines only when they are not zero.
  const socket = /Socket errors: (.*)/.exec(report)?.[1]
  const status = /Non-2xx or 3xx responses: (\d+)/.exec(report)?.[1]
  const socketErrors = [...(socket ?? '').matchAll(/\d+/g)].reduce((sum, [n]) => sum + Number(n), 0)
  const failures = [socket, status && `${status} not 2xx or 3xx`].filter(Boolean).join('; ')
  return { requests, requestsPerSecond, failed: socketErrors + Number(status ?? 0), failures }
}
