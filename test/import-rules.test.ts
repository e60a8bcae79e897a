/**
 * Imports run one way, and the linter says so: each wrong import that the rules of biome.json are there for is
 * written into a copy of src, where the repository's own Biome must find it.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { packageRoot } from './support/paths.js'

const biome = join(packageRoot, 'node_modules', '@biomejs', 'biome', 'bin', 'biome')
const RULE = 'lint/style/noRestrictedImports'

/** What a file of each place may not import, and a word or two of the message that says so. */
const wrong = [
  {
    place: 'sys',
    says: 'sys and shared/errors.ts only',
    imports: [
      '../sync/bits.js',
      '../parent/pool.js',
      '../shared/terms.js',
      '../options/options.js',
    ],
  },
  {
    place: 'sync',
    says: 'sync, sys and shared/errors.ts only',
    imports: [
      '../child/child.js',
      '../worker/lease.js',
      '../listener/intake.js',
      '../shared/terms.js',
    ],
  },
  ...room('parent', ['child', 'listener', 'worker', 'parker', 'admin']),
  {
    place: 'parent/children',
    says: 'A room may import itself',
    imports: ['../../child/child.js', '../../admin/server.js', '../../index.js', '../../cli.js'],
  },
  ...room('child', ['parent', 'listener', 'worker', 'parker', 'admin']),
  ...room('listener', ['parent', 'child', 'worker', 'parker', 'admin']),
  ...room('worker', ['parent', 'child', 'listener', 'parker', 'admin']),
  ...room('parker', ['parent', 'child', 'listener', 'worker', 'admin']),
  ...room('admin', ['parent', 'child', 'listener', 'worker', 'parker']),
  {
    place: 'cli',
    says: 'cli, parent, admin, options and shared',
    imports: ['../child/child.js', '../sync/mutex.js', '../index.js', '../cli.js'],
  },
  {
    place: 'cli/top',
    says: 'cli, parent, admin, options and shared',
    imports: ['../../child/child.js', '../../sync/mutex.js', '../../index.js', '../../cli.js'],
  },
  {
    place: 'shared',
    says: 'shared and sync only',
    imports: ['../parent/pool.js', '../sys/libc.js', '../options/options.js', '../index.js'],
  },
  {
    place: 'options',
    says: 'options, shared and sync only',
    imports: ['../parent/pool.js', '../sys/libc.js', '../cli.js', '../index.js'],
  },
] as const

function room(place: string, others: readonly string[]) {
  const imports = [...others.map((other) => `../${other}/some-file.js`), '../index.js', '../cli.js']
  return [{ place, says: 'A room may import itself', imports }]
}

/** Ways to write an import; the name of one is a part of the file's name. */
const forms = {
  value: (from: string) => `import { some } from '${from}'\n\nsome()\n`,
  type: (from: string) => `import type { Some } from '${from}'\n\nexport type Same = Some\n`,
  export: (from: string) => `export * from '${from}'\n`,
  dynamic: (from: string) => `export const some = () => import('${from}')\n`,
} as const

interface Finding {
  readonly severity: string
  readonly rule: string
  /** Below the folder of the copy. */
  readonly file: string
  readonly message: string
}

const folder = mkdtempSync(join(tmpdir(), 'forkthread-import-rules-'))
test.after(() => rmSync(folder, { recursive: true, force: true }))

/** Has Biome look for wrong imports in the copy, and for nothing else: that is what `npm run check` is for. */
function lint(): { readonly status: number | null; readonly findings: readonly Finding[] } {
  const only = ['style/noRestrictedImports', 'suspicious/noImportCycles', 'plugin']
  const flags = [...only.map((rule) => `--only=${rule}`), '--max-diagnostics=none']
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [biome, 'lint', ...flags, '--reporter=github', '--colors=off', '.'],
    { cwd: folder, encoding: 'utf8' },
  )
  assert.ok(status === 0 || status === 1, `biome ended with ${status}: ${stderr}`)
  const pattern = /^::(\w+) title=([^,]+),file=([^,]+),.*?::(.*)$/gm
  const findings = [...stdout.matchAll(pattern)].map(
    ([, severity = '', rule = '', file = '', message = '']) => ({
      severity,
      rule,
      file: file.slice(file.lastIndexOf('src/')),
      message,
    }),
  )
  return { status, findings }
}

function write(file: string, text: string): void {
  const path = join(folder, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

function copySource(): void {
  for (const name of ['biome.json', '.biome', '.gitignore', 'src'])
    cpSync(join(packageRoot, name), join(folder, name), { recursive: true })
}

test('a clean copy passes', () => {
  copySource()
  const { status, findings } = lint()
  assert.equal(findings, [])
  assert.is(status, 0)
})

/** Each wrong import in a file of its own, which are all there at the same time: to start Biome costs more than to have it look. */
const wrongFiles = wrong.map(({ place, says, imports }) => ({
  place,
  says,
  imports,
  texts: imports.flatMap((from, index) =>
    Object.entries(forms).map(
      ([form, text]) => [`src/${place}/wrong-${form}-${index}.ts`, text(from)] as const,
    ),
  ),
}))

const additions: Readonly<Record<string, string>> = {
  'src/shared/errors.ts': '../sync/bits.js',
  'src/index.ts': './child/child.js',
  'src/cli.ts': './parent/pool.js',
}

const detours = [
  './../parent/pool.js',
  '../sys/../parent/pool.js',
  './deep/../../parent/pool.js',
  '#dist/parent/pool.js',
  'forkthread',
]
const detourFile = (index: number): string => `src/sync/detour-${index}.ts`

const circle: Readonly<Record<string, string>> = {
  'src/sync/round-1.ts': forms.value('./round-2.js'),
  'src/sync/round-2.ts': forms.type('./round-3.js'),
  'src/sync/round-3.ts': forms.type('./round-1.js'),
}

let findings: readonly Finding[] = []
const foundIn = (file: string): readonly Finding[] =>
  findings.filter((finding) => finding.file === file && finding.rule === RULE)

test('one with many wrong imports does not', () => {
  for (const [file, text] of wrongFiles.flatMap(({ texts }) => texts)) write(file, text)
  for (const [file, from] of Object.entries(additions)) write(file, forms.type(from))
  for (const [index, from] of detours.entries()) write(detourFile(index), forms.type(from))
  for (const [file, text] of Object.entries(circle)) write(file, text)
  const linted = lint()
  assert.is(linted.status, 1)
  findings = linted.findings
  const expected = [
    ...wrongFiles.flatMap(({ texts }) => texts.map(([file]) => file)),
    ...Object.keys(additions),
    ...detours.map((_, index) => detourFile(index)),
  ]
  const found = findings.filter(({ rule }) => rule === RULE).map(({ file }) => file)
  assert.equal(found.sort(), expected.sort())
})

for (const { place, says, imports, texts } of wrongFiles) {
  test(`src/${place} may not import ${imports.join(', ')}`, () => {
    for (const [file, text] of texts) {
      const found = foundIn(file)
      assert.is(found.length, 1, `not found in ${file}: ${text}`)
      assert.is(found[0]?.severity, 'error')
      assert.match(found[0]?.message ?? '', says)
    }
  })
}

test('files that the rules name alone have their own', () => {
  for (const file of Object.keys(additions)) assert.is(foundIn(file).length, 1, file)
})

test('a detour does not help', () => {
  for (const [index, from] of detours.entries())
    assert.is(foundIn(detourFile(index)).length, 1, from)
})

test('no import goes round in a circle, not even of types', () => {
  const found = findings.filter(({ rule }) => rule === 'lint/suspicious/noImportCycles')
  assert.equal(found.map(({ file }) => file).sort(), Object.keys(circle).sort())
})

test.run()
