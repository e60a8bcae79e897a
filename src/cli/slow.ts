import { askAdmin } from '../admin/client.js'
import { parseAddress } from '../options/address.js'
import { fail } from '../shared/errors.js'
import { plainText } from '../shared/plain-text.js'
import type { SlowReport, SlowRoute } from '../shared/slow.js'

const SHOWN_FRAMES = 3

/** `forkthread slow --admin ADDRESS`: what has blocked threads, and where in the code. @throws FT_ERR_ADMIN, FT_ERR_ADDRESS */
export async function slow(admin: string): Promise<number> {
  const { status, body } = await askAdmin(admin, parseAddress(admin), '/slow.json')
  if (status !== 200) throw fail('FT_ERR_ADMIN', [admin, `it answered ${status}: ${body.trim()}`])
  process.stdout.write(slowText(JSON.parse(body) as SlowReport))
  return 0
}

/** The report for people. */
function slowText({ slowThreshold, routes }: SlowReport): string {
  if (slowThreshold === 0 && routes.length === 0)
    return 'Nobody looks for slow handlers here: slowThreshold is 0.\n'
  if (routes.length === 0) return `No handler has blocked its thread for ${slowThreshold} ms.\n`
  return routes.map(routeText).join('\n')
}

function routeText({ route, count, blockedMs, longestMs, frames, example }: SlowRoute): string {
  const times = `${count} times, ${blockedMs} ms in all, ${longestMs} ms at most`
  const { at, process, thread } = example
  const when = `${new Date(at).toISOString()} in thread ${process}.${thread}`
  const lines = [
    `${plainText(route)}: ${times}`,
    ...frames
      .slice(0, SHOWN_FRAMES)
      .map(
        ({ frame, share }) =>
          `  ${String(Math.round(share * 100)).padStart(3)} %  ${plainText(frame)}`,
      ),
    `  last: ${plainText(example.request)}, ${example.blockedMs} ms, ${when}`,
    ...example.stack.map((frame) => `        at ${plainText(frame)}`),
  ]
  return `${lines.join('\n')}\n`
}
