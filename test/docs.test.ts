/** What a reader follows leads somewhere: links between pages, to headings and to files; and no page is too long to read. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { packageRoot } from './support/paths.js'

const MOST_BYTES_OF_PAGE = 15 * 1024
const MOST_BYTES_OF_README = 12 * 1024

const COMMENT = /\/\*[\s\S]*?\*\/|\/\/.*$/gm

/** With as much of its path as is given. */
const NAMED_FILE = /(?<![\w.*$}/-])(?:[a-z][\w-]*\/)*[a-z][\w-]*(?:\.[\w-]+)*\.ts\b(?!\.)/g

const folder = join(packageRoot, 'docs')
const pages = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md']
    .map((name) => join(packageRoot, name))
    .filter((path) => existsSync(path)),
  ...readdirSync(folder)
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
]

/** Without code, in which brackets are no links and hashes no headings. */
function prose(path: string): string {
  return readFileSync(path, 'utf8')
    .replace(/^```[\s\S]*?^```/gm, '')
    .replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]]/g, ''))
}

/** As GitHub makes them of headings. */
function anchors(path: string): Set<string> {
  const headings = prose(path).matchAll(/^#+ +(.*)$/gm)
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-'),
    ),
  )
}

for (const page of pages) {
  const name = relative(packageRoot, page)

  test(`${name}: each link leads somewhere`, () => {
    const broken: string[] = []
    for (const [, target = ''] of prose(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const [file = '', anchor] = target.split('#')
      const path = file === '' ? page : resolve(dirname(page), file)
      const isThere = existsSync(path)
      if (!isThere || (anchor !== undefined && !anchors(path).has(anchor))) broken.push(target)
    }
    assert.equal(broken, [])
  })

  test(`${name}: it can be read at one sitting`, () => {
    const most = name === 'README.md' ? MOST_BYTES_OF_README : MOST_BYTES_OF_PAGE
    const isHistory = name === 'CHANGELOG.md'
    assert.ok(isHistory || readFileSync(page).length <= most, `more than ${most} bytes`)
  })
}

test('a file that a page or a comment names is there', () => {
  const files = ['src', 'test', 'examples'].flatMap((name) =>
    readdirSync(join(packageRoot, name), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => relative(packageRoot, join(parentPath, name))),
  )
  const texts = [...pages.map((page) => relative(packageRoot, page)), ...files]
  const missing = texts
    .filter((file) => /\.(md|pml|ts)$/.test(file) && !file.startsWith('test/fixtures'))
    .flatMap((file) => {
      const text = readFileSync(join(packageRoot, file), 'utf8')
      // Code may name files that it is about to write.
      const told = file.endsWith('.ts') ? (text.match(COMMENT) ?? []).join('\n') : text
      return [...told.matchAll(NAMED_FILE)].flatMap(([name]) => {
        const isThere = files.some((one) => `/${one}`.endsWith(`/${name}`))
        return isThere ? [] : [`${name} in ${file}`]
      })
    })
  assert.equal(missing, [])
})

test('each folder of the source is in the list of rooms, and no other', () => {
  const [, tree = ''] =
    /^```text\nsrc\/\n([\s\S]*?)^```/m.exec(
      readFileSync(join(folder, 'how-it-works.md'), 'utf8'),
    ) ?? []
  let room = ''
  const listed = [...tree.matchAll(/^( +)([\w-]+)\/ /gm)].map(([, indent = '', name = '']) => {
    if (indent.length === 2) room = name
    return indent.length === 2 ? name : join(room, name)
  })
  const source = join(packageRoot, 'src')
  const found = readdirSync(source, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isDirectory())
    .map(({ parentPath, name }) => relative(source, join(parentPath, name)))
  assert.equal(listed.sort(), found.sort())
})

test('every page of docs can be found from the README', () => {
  const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8')
  const unknown = readdirSync(folder).filter(
    (name) => name.endsWith('.md') && !readme.includes(`](docs/${name})`),
  )
  assert.equal(unknown, [])
})

test.run()
