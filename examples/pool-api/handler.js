/** The handler of main.js beside it: runs in the worker threads, never in the process that made the pool. */
import { threadId } from 'node:worker_threads'

/**
 * @param {import('node:http').IncomingMessage} _req
 * @param {import('node:http').ServerResponse} res
 */
export default function handler(_req, res) {
  res.setHeader('content-type', 'text/plain; charset=utf-8')
  res.end(`Hello from pid ${process.pid}, thread ${threadId}\n`)
}
