import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findCommand } from './find-command.js'
import { freePort } from './free-port.js'
import { foreignFixture } from './paths.js'
import type { Candidate, Size } from './server.js'

const modules = ['/usr/lib/apache2/modules', '/usr/lib64/httpd/modules', '/usr/lib/httpd/modules']

/** Apache's worker MPM, the model of the pool, with handlers in Lua (mod_lua), one interpreter in each thread. */
export function apache({ processes, threads }: Size): Candidate {
  const name = 'apache-worker'
  const command = findCommand('apache2', 'httpd')
  const folder = modules.find((path) => existsSync(join(path, 'mod_lua.so')))
  if (command === undefined || folder === undefined) {
    return { name, missing: 'not installed with mod_lua (apt-get install apache2)' }
  }
  const sizes = [
    `ServerLimit ${processes}`,
    `StartServers ${processes}`,
    `ThreadLimit ${threads}`,
    `ThreadsPerChild ${threads}`,
    `MaxRequestWorkers ${processes * threads}`,
  ]
  const server = {
    name,
    threads: processes * threads,
    configuration: `${sizes.join(', ')}; handler in Lua, LuaScope thread`,
    works: ['hello', 'sleep'],
    transports: ['tcp'],
    keepsThreads: true,
    async launch(_transport: string, own: string) {
      const port = await freePort()
      const file = join(own, 'httpd.conf')
      writeFileSync(file, configuration(folder, own, port, sizes))
      return {
        command,
        args: ['-d', own, '-f', file, '-DFOREGROUND'],
        ready: { answers: { port } },
      }
    },
  } as const
  return { name, server }
}

const configuration = (modulesFolder: string, own: string, port: number, sizes: string[]): string =>
  [
    `LoadModule mpm_worker_module ${modulesFolder}/mod_mpm_worker.so`,
    `LoadModule authz_core_module ${modulesFolder}/mod_authz_core.so`,
    `LoadModule lua_module ${modulesFolder}/mod_lua.so`,
    ...(existsSync(join(modulesFolder, 'mod_unixd.so'))
      ? [`LoadModule unixd_module ${modulesFolder}/mod_unixd.so`]
      : []),
    'ServerName 127.0.0.1',
    `Listen 127.0.0.1:${port}`,
    'ListenBacklog 1024',
    `PidFile ${own}/httpd.pid`,
    `DefaultRuntimeDir ${own}`,
    `ErrorLog ${own}/error.log`,
    ...sizes,
    // The size is fixed, as the pool's is: nothing to spare, nothing to retire.
    'MinSpareThreads 1',
    'MaxSpareThreads 4096',
    'MaxConnectionsPerChild 0',
    'KeepAlive On',
    'MaxKeepAliveRequests 0',
    'KeepAliveTimeout 60',
    'LuaScope thread',
    'LuaCodeCache forever',
    `LuaMapHandler ^/ ${foreignFixture('work.lua')} handle`,
    '',
  ].join('\n')
