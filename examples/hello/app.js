/**
 * The smallest handler: a function (req, res), as for node:http. The answer names the process and
 * the thread that gave it, so with a few parallel clients you can watch the pool share the work.
 *
 *   npx forkthread examples/hello/app.js --listen 8080 --processes 2 --threads 2
 *   curl http://127.0.0.1:8080/
 */

let place = ''

/**
 * Called once in each worker thread, before its first request.
 *
 * @param {import('forkthread').HandlerContext} context the slots of the process and the thread, the generation (reloads) and the pid
 */
export function setup(context) {
  place = `pid ${context.pid} (process ${context.process}), thread ${context.thread}`
}

/**
 * @param {import('node:http').IncomingMessage} _req
 * @param {import('node:http').ServerResponse} res
 */
export default function hello(_req, res) {
  res.setHeader('content-type', 'text/plain; charset=utf-8')
  res.end(`Hello from ${place}\n`)
}
