import { getRequestListener, RequestError } from '@hono/node-server'
import type { FetchHandler, RequestHandler } from '../handler.js'
import { isPromise } from './is-promise.js'

/**
 * A Fetch API handler as a request listener, through Hono's adapter. What the handler throws comes out as the rejection of
 * the returned promise, for the one place that answers failed requests; the adapter would answer by itself. A
 * request that the adapter can't express (a Host header that makes no URL) is answered with 400.
 */
export function fetchRequestHandler(handler: FetchHandler): RequestHandler {
  const failures = new WeakMap<object, { readonly error: unknown }>()
  const listener = getRequestListener(
    (input, env) => {
      const failed = (error: unknown): never => {
        failures.set(env.outgoing, { error })
        throw error
      }
      // The adapter leaves a request unanswered whose handler returns nothing.
      const checked = (answer: Response): Response =>
        typeof answer === 'object' && answer !== null ? answer : failed(noResponse(answer))
      let answer: Response | Promise<Response>
      try {
        answer = handler.fetch(input, env)
      } catch (error) {
        return failed(error)
      }
      return isPromise(answer) ? answer.then(checked, failed) : checked(answer)
    },
    {
      errorHandler: (error) =>
        error instanceof RequestError ? new Response('Bad Request\n', { status: 400 }) : undefined,
    },
  )
  return async (request, response) => {
    await listener(request, response)
    const failure = failures.get(response)
    if (failure !== undefined) throw failure.error
  }
}

function noResponse(answer: unknown): TypeError {
  return new TypeError(
    `fetch(request) must return a Response or a promise of one, not ${String(answer)}`,
  )
}
