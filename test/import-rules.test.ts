/**
 * Imports run one way, and the linter says so: each wrong import that the rules of biome.json are there for is
 * written into a copy of src, where the repository's own Biome must find it.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
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

interface Context {
  folder: string
}

const rules = suite<Context>('import rules', { folder: '' })

rules.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'forkthread-import-rules-'))
  for (const name of ['biome.json', '.biome', '.gitignore', 'src'])
    cpSync(join(packageRoot, name), join(context.folder, name), { recursive: true })
})

rules.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }))

/** Has Biome look for wrong imports in the copy, and for nothing else: that is what `npm run check` is for. */
function lint(folder: string): { readonly status: number | null; readonly findings: Finding[] } {
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

function write(folder: string, file: string, text: string): void {
  const path = join(folder, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

rules('a clean copy passes', ({ folder }) => {
  const { status, findings } = lint(folder)
  assert.equal(findings, [])
  assert.is(status, 0)
})

for (const { place, says, imports } of wrong) {
  const folderName = `src/${place}`
  rules(`${folderName} may not import ${imports.join(', ')}`, ({ folder }) => {
    const written = new Map<string, string>()
    for (const [index, from] of imports.entries()) {
      for (const [form, text] of Object.entries(forms)) {
        const file = `${folderName}/wrong-${form}-${index}.ts`
        written.set(file, text(from))
        write(folder, file, text(from))
      }
    }
    const { status, findings } = lint(folder)
    assert.is(status, 1)
    for (const [file, text] of written) {
      const found = findings.filter((finding) => finding.file === file && finding.rule === RULE)
      assert.is(found.length, 1, `not found in ${file}: ${text}`)
      assert.is(found[0]?.severity, 'error')
      assert.match(found[0]?.message ?? '', says)
    }
  })
}

rules('files that the rules name alone have their own', ({ folder }) => {
  const additions = {
    'src/shared/errors.ts': '../sync/bits.js',
    'src/index.ts': './child/child.js',
    'src/cli.ts': './parent/pool.js',
  }
  for (const [file, from] of Object.entries(additions)) write(folder, file, forms.type(from))
  const { status, findings } = lint(folder)
  assert.is(status, 1)
  const found = findings.filter(({ rule }) => rule === RULE).map(({ file }) => file)
  assert.equal(found.sort(), Object.keys(additions).sort())
})

rules('a detour does not help', ({ folder }) => {
  const detours = [
    './../parent/pool.js',
    '../sys/../parent/pool.js',
    './deep/../../parent/pool.js',
    '#dist/parent/pool.js',
    'forkthread',
  ]
  for (const [index, from] of detours.entries())
    write(folder, `src/sync/detour-${index}.ts`, forms.type(from))
  const { status, findings } = lint(folder)
  assert.is(status, 1)
  const found = findings.filter(({ rule }) => rule === RULE).map(({ file }) => file)
  assert.equal(
    found.sort(),
    detours.map((_, index) => `src/sync/detour-${index}.ts`),
  )
})

rules('no import goes round in a circle, not even of types', ({ folder }) => {
  const circle = ['src/sync/round-1.ts', 'src/sync/round-2.ts', 'src/sync/round-3.ts']
  write(folder, 'src/sync/round-1.ts', forms.value('./round-2.js'))
  write(folder, 'src/sync/round-2.ts', forms.type('./round-3.js'))
  write(folder, 'src/sync/round-3.ts', forms.type('./round-1.js'))
  const { status, findings } = lint(folder)
  assert.is(status, 1)
  const found = findings.filter(({ rule }) => rule === 'lint/suspicious/noImportCycles')
  assert.equal(found.map(({ file }) => file).sort(), circle)
})

rules("the type import('…'), which the rule does not see, is none at all", ({ folder }) => {
  write(folder, 'src/sync/wrong.ts', "export type Pool = import('../parent/pool.js').Pool\n")
  const { status, findings } = lint(folder)
  assert.is(status, 1)
  const found = findings.filter(({ file }) => file === 'src/sync/wrong.ts')
  assert.equal(
    found.map(({ rule, severity }) => ({ rule, severity })),
    [{ rule: 'plugin', severity: 'error' }],
  )
})

rules.run()
