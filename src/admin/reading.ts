import type { IncomingMessage } from 'node:http'
import { type AdminSource, ORDERS } from '../shared/stats.js'
import type { Answer } from './answer.js'
import { METRICS_TYPES, type MetricsForm, metrics, metricsForm } from './exposition.js'
import { isOverview, overview } from './overview.js'

/** What can be read of a pool; of one that is closed less. */
export function reading(
  request: IncomingMessage,
  source: AdminSource,
  isClosed: boolean,
): Answer | { readonly later: Promise<Answer> } {
  const { url = '' } = request
  if (isClosed && (url === '/status.json' || isOverview(url))) {
    const why = source.notReady() ?? 'another process serves here by now'
    return { status: 503, body: `${why}\n` }
  }
  const seen = overview(request, source)
  if (seen !== undefined) return { status: 200, ...seen }
  switch (url) {
    case '/status.json': {
      const body = `${JSON.stringify(source.stats())}\n`
      return { status: 200, body, type: 'application/json' }
    }
    case '/metrics': {
      if (isClosed) return { status: 503, body: 'another process serves here by now\n' }
      return { later: metricsAnswer(source, metricsForm(request.headers.accept)) }
    }
    case '/slow.json':
      return {
        status: 200,
        body: `${JSON.stringify(source.slow())}\n`,
        type: 'application/json',
      }
    case '/live':
      return { status: 200, body: 'live\n' }
    case '/ready': {
      const why = source.notReady()
      return why === undefined
        ? {
            status: 200,
            body: `${['ready', source.remark()].filter(Boolean).join('\n')}\n`,
          }
        : { status: 503, body: `${why}\n` }
    }
    default: {
      const body =
        'here are /, /status.json, /metrics, /server-status?auto, /slow.json, /live, /ready and the orders ' +
        `${ORDERS.map((name) => `/${name}`).join(', ')}\n`
      return { status: 404, body }
    }
  }
}

async function metricsAnswer(source: AdminSource, form: MetricsForm): Promise<Answer> {
  try {
    const body = await metrics(source.stats(), source.measures(), form)
    return { status: 200, body, type: METRICS_TYPES[form], headers: { Vary: 'Accept' } }
  } catch (error) {
    return { status: 500, body: `${(error as Error).message}\n` }
  }
}
