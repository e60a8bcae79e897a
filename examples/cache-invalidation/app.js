/**
 * A cache in the memory of each thread, and one word to all of them when an entry is no longer true.
 *
 *   npx forkthread examples/cache-invalidation/app.js
 *   curl localhost:8080/price              # from the cache of the thread that answers
 *   curl -X PUT -d 42 localhost:8080/price # every thread forgets it
 */
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { channel } from 'forkthread/handler'

/** What all threads share; elsewhere a database. */
const folder = process.env.STORE ?? tmpdir()

/** @type {Map<string, string>} */
const cache = new Map()
const forget = channel('forget')
forget.onmessage = ({ data: key }) => cache.delete(key)

/** @param {string} key */
const fileOf = (key) => join(folder, `forkthread-${encodeURIComponent(key)}.txt`)

/** @type {import('forkthread').RequestHandler} */
export default async function serve(request, response) {
  const key = request.url ?? '/'
  if (request.method === 'PUT') {
    let value = ''
    for await (const chunk of request) value += chunk
    await writeFile(fileOf(key), value)
    cache.delete(key)
    forget.postMessage(key)
    return response.end()
  }
  let value = cache.get(key)
  response.setHeader('X-Cache', value === undefined ? 'miss' : 'hit')
  if (value === undefined) {
    value = await readFile(fileOf(key), 'utf8').catch(() => '')
    cache.set(key, value)
  }
  return response.end(value)
}
