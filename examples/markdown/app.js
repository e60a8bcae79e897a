/**
 * CPU-heavy and real: renders Markdown with markdown-it. A document blocks its thread's event loop
 * for as long as it takes, and a pool that gives work only to idle threads keeps the others fast.
 * POST a document, or GET a built-in one of `?sections=N`.
 *
 *   npx forkthread examples/markdown/app.js --listen 8080 --processes 2 --threads 2
 *   curl http://127.0.0.1:8080/ --data-binary @README.md
 *   curl -sD - -o /dev/null 'http://127.0.0.1:8080/?sections=500'
 */
import MarkdownIt from 'markdown-it'

const MAX_BYTES = 1024 * 1024
const MAX_SECTIONS = 2000
const DEFAULT_SECTIONS = 100

/** About 600 bytes with most of what Markdown has. */
const SECTION = `## A section with *emphasis* and \`code\`

Some **strong words**, a [link](https://example.org/ "with a title"), https://example.org/bare and
an ![image](/image.png); "quotes" -- and dashes... and (c) signs for the typographer.

1. first
2. second
   - nested, with ~~a mistake~~
   - [ ] and a box

> A quotation
> > within a quotation.

| method | p50 ms | p99 ms |
| :----- | -----: | -----: |
| one    |    1.5 |   48.2 |
| other  |    1.4 |   15.6 |

\`\`\`js
for (const word of words) console.log(word)
\`\`\`

`

/** @type {import('markdown-it').MarkdownIt | undefined} */
let renderer

/** The renderer compiles its rules when it is made, so each thread makes it once and before its first request. */
export function setup() {
  // `html: false`: a document from the network must not bring its own script tags.
  renderer = new MarkdownIt({ html: false, linkify: true, typographer: true })
  renderer.render(SECTION)
}

/**
 * @param {import('node:http').IncomingMessage} req
 * @param {import('node:http').ServerResponse} res
 */
export default async function markdown(req, res) {
  if (!renderer) throw new Error('setup() has not run')
  const source = req.method === 'POST' ? await readBody(req) : builtIn(req)
  if (source === undefined) {
    // The rest of the body is not read, so the connection can't carry another request.
    res.writeHead(413, { 'content-type': 'text/plain', connection: 'close' })
    res.end(`at most ${MAX_BYTES} bytes\n`)
    return
  }
  const startedAt = performance.now()
  const html = renderer.render(source)
  res.setHeader('content-type', 'text/html; charset=utf-8')
  res.setHeader('server-timing', `render;dur=${(performance.now() - startedAt).toFixed(1)}`)
  res.end(html)
}

/** @param {import('node:http').IncomingMessage} req */
function builtIn(req) {
  const { searchParams } = new URL(req.url ?? '/', 'http://localhost')
  const sections = Number(searchParams.get('sections') ?? DEFAULT_SECTIONS)
  const count = Number.isFinite(sections) ? Math.min(Math.max(1, sections), MAX_SECTIONS) : 1
  return `# A long document\n\n${SECTION.repeat(count)}`
}

/**
 * The whole body, or nothing if it is too large.
 *
 * @param {import('node:http').IncomingMessage} req
 */
async function readBody(req) {
  let bytes = 0
  /** @type {Buffer[]} */
  const chunks = []
  for await (const chunk of req.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length
    if (bytes > MAX_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
