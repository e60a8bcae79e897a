import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'

const run = promisify(execFile)

/** Programs that a developer's machine may lack (Debian has each as a package of the same name). */
export type Tool =
  | 'wrk'
  | 'ab'
  | 'h2load'
  | 'hey'
  | 'curl'
  | 'slowhttptest'
  | 'haproxy'
  | 'nginx'
  | 'openssl'
  | 'systemd-analyze'
  | 'systemd-socket-activate'
  | 'promtool'
  | 'prometheus'
  | 'chromium'
  | 'lwp-request'
  | 'script'
  | 'prlimit'
  | 'chromium'
  | 'cc'

const packages: Partial<Record<Tool, string>> = {
  ab: 'apache2-utils',
  'systemd-analyze': 'systemd',
  'systemd-socket-activate': 'systemd',
  promtool: 'prometheus',
  'lwp-request': 'libwww-perl munin-plugins-core',
  script: 'bsdutils',
  prlimit: 'util-linux',
  h2load: 'nghttp2-client',
  cc: 'gcc',
}

export function isInstalled(tool: Tool): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** A test that needs a tool: without it, it is skipped and says what to install. */
export function testWith(tool: Tool, name: string, body: () => Promise<void>): void {
  if (isInstalled(tool)) {
    test(name, body)
    return
  }
  console.log(`skipped: "${name}": ${tool} is missing (apt install ${packages[tool] ?? tool})`)
  test.skip(name, body)
}

/**
 * Runs a tool to its end; returns what it printed on standard output.
 * @throws when it fails or takes longer than `timeoutMs`, with what it printed
 */
export async function runTool(
  tool: Tool,
  args: readonly string[],
  timeoutMs = 60_000,
  input = '',
): Promise<string> {
  const options = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 2 ** 24 } as const
  const running = run(tool, args, options)
  // It may be gone before it has read anything.
  running.child.stdin?.on('error', () => undefined).end(input)
  const { stdout } = await running.catch((error) => {
    throw new Error(`${tool} ${args.join(' ')}: ${error.message}\n${error.stdout}${error.stderr}`)
  })
  return stdout
}
