/** The files of examples/deploy, each read by the tool that it is for. */
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseAllDocuments } from 'yaml'
import { startCli } from './support/cli.js'
import { fixture, packageRoot } from './support/paths.js'
import { tempFolder } from './support/temp-folder.js'
import { runTool, testWith } from './support/tools.js'

const deploy = (name: string): string => `${packageRoot}/examples/deploy/${name}`
const read = (name: string): string => readFileSync(deploy(name), 'utf8')

testWith('haproxy', 'haproxy takes haproxy.cfg', async () => {
  await runTool('haproxy', ['-c', '-f', deploy('haproxy.cfg')])
})

testWith('nginx', 'nginx takes nginx.conf', async () => {
  using folder = tempFolder()
  const settings = `pid ${folder.file('nginx.pid')}; error_log stderr;`
  await runTool('nginx', ['-t', '-q', '-c', deploy('nginx.conf'), '-g', settings])
})

testWith('systemd-analyze', 'systemd takes the units, and calls them safe', async () => {
  using folder = tempFolder()
  for (const name of ['forkthread.service', 'forkthread.socket']) {
    // The program must be there.
    const text = read(name).replaceAll('/opt/app/node_modules/.bin/forkthread', '/bin/true')
    writeFileSync(folder.file(name), text)
  }
  const service = folder.file('forkthread.service')
  await runTool('systemd-analyze', ['verify', service, folder.file('forkthread.socket')])
  const limits = ['--offline=true', '--threshold=25']
  await runTool('systemd-analyze', ['security', ...limits, service])
})

interface Manifest {
  /** Such as `v1` or `apps/v1`. */
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: Record<string, unknown>
}

function manifests(name: string): Manifest[] {
  return parseAllDocuments(read(name)).map((document) => {
    assert.equal(document.errors, [])
    return document.toJS() as Manifest
  })
}

function of(kind: string, all: readonly Manifest[]): Manifest {
  const found = all.find((manifest) => manifest.kind === kind)
  if (found === undefined) throw new Error(`no ${kind}`)
  return found
}

interface Container {
  readonly args: readonly string[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly [probe: `${string}Probe`]: { readonly httpGet: { path: string; port: string } }
}

interface PodTemplate {
  readonly metadata: { readonly labels: object }
  readonly spec: {
    readonly terminationGracePeriodSeconds: number
    readonly containers: readonly [Container]
  }
}

test('kubernetes.yaml: probes ask what answers, selectors find the pods, and the grace lasts', () => {
  const all = manifests('kubernetes.yaml')
  const deployment = of('Deployment', all).spec as {
    readonly selector: { readonly matchLabels: object }
    readonly template: PodTemplate
  }
  const { template } = deployment
  const [container] = template.spec.containers
  assert.equal(deployment.selector.matchLabels, template.metadata.labels)
  assert.equal(of('Service', all).spec.selector, template.metadata.labels)
  const paths = { startup: '/ready', readiness: '/ready', liveness: '/live' }
  for (const [probe, path] of Object.entries(paths)) {
    const { httpGet } = container[`${probe}Probe`] ?? {}
    assert.is(httpGet?.path, path)
    assert.ok(container.ports.some(({ name }) => name === httpGet?.port))
  }
  const given = (name: string): number =>
    Number(container.args.find((arg) => arg.startsWith(`--${name}=`))?.split('=')[1])
  const patienceMs = given('pre-stop-delay') + given('drain-timeout')
  assert.ok(patienceMs > 0)
  assert.ok(template.spec.terminationGracePeriodSeconds * 1000 > patienceMs)
})

/** By the schema of its kind: throws what is wrong. */
async function validate(manifest: Manifest): Promise<void> {
  const { apiVersion, kind } = manifest
  const from = apiVersion.startsWith('keda.sh/') ? '@kubernetes-models/keda' : 'kubernetes-models'
  const models = (await import(`${from}/${apiVersion}/${kind}`)) as Record<
    string,
    new (
      manifest: Manifest,
    ) => { validate(): void }
  >
  const Model = models[kind]
  if (Model === undefined) throw new Error(`no schema of ${apiVersion} ${kind}`)
  new Model(manifest).validate()
}

test('all manifests fit the schemas of their kinds', async () => {
  for (const name of ['kubernetes.yaml', 'kubernetes-hpa.yaml', 'kubernetes-keda.yaml'])
    for (const manifest of manifests(name)) await validate(manifest)
  const service = of('Service', manifests('kubernetes.yaml'))
  const wrong = { ...service, spec: { ...service.spec, ports: [{ port: 'eighty' }] } }
  const message = await validate(wrong).then(String, (error: Error) => error.message)
  assert.match(message, /port must be integer/)
})

test('the autoscalers name what there is', () => {
  const scalers = [
    of('HorizontalPodAutoscaler', manifests('kubernetes-hpa.yaml')),
    of('ScaledObject', manifests('kubernetes-keda.yaml')),
  ]
  for (const { spec } of scalers)
    assert.is((spec.scaleTargetRef as { readonly name: string }).name, 'app')
  assert.match(read('kubernetes-keda.yaml'), /forkthread_queue_time_seconds_bucket/)
})

test('the flags of all files are flags of the command', async () => {
  await using help = startCli(['--help'])
  await help.exit()
  await help.outputEnd()
  const files = ['haproxy.cfg', 'nginx.conf', 'Dockerfile', 'kubernetes.yaml', 'forkthread.service']
  // Lines of the pool only: those of docker and npm have flags of their own.
  const lines = files
    .flatMap((name) => read(name).split('\n'))
    .filter((line) => /forkthread |- --|^CMD/.test(line) && !/npm ci|docker/.test(line))
  const flags = lines.flatMap((line) => line.match(/--[a-z][a-z-]+/g) ?? [])
  assert.ok(flags.length > 10)
  for (const flag of flags)
    assert.match(help.stdout, new RegExp(`${flag.replace('--', '--(\\[no-\\])?')}\\b`))
})

test('as process 1 of a namespace it gets TERM and leaves', async () => {
  if (process.getuid?.() !== 0) {
    console.log('skipped: "as process 1": only root may make a namespace')
    return
  }
  const launcher = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
  const size = ['--processes', '1', '--threads', '1']
  const args = [fixture('http'), '--listen', '127.0.0.1:0', ...size]
  await using program = startCli(args, { launcher })
  await program.ready()
  // unshare waits for the one process that it has started, which is process 1 of the namespace.
  const [first] = program.children()
  if (first === undefined) throw new Error('no process 1')
  process.kill(first, 'SIGTERM')
  assert.equal(await program.exit(), { code: 0, signal: null }, program.stderr)
})

test.run()
