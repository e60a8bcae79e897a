#!/usr/bin/env node
// First: signals may come from the first moment on.
import './cli/signals.js'
import { type Command, parseArguments } from './cli/arguments.js'
import { loadConfig } from './cli/config.js'
import { endWithReader } from './cli/end-with-reader.js'
import type { Meant } from './cli/find-pool.js'
import { helpText } from './cli/help.js'
import { print } from './cli/print.js'
import { giveSignalsBack } from './cli/signals.js'
import type { PoolOptions } from './options/options.js'
import { ForkthreadError } from './shared/errors.js'
import { requirePlatform } from './shared/platform.js'
import { version } from './shared/version.js'

const USAGE = new Set(['FT_ERR_USAGE', 'FT_ERR_OPTION', 'FT_ERR_OPTION_UNKNOWN', 'FT_ERR_ADDRESS'])

type ServeCommand = Extract<Command, { action: 'serve' }>

async function main(): Promise<number> {
  requirePlatform()
  const command = parseArguments(process.argv.slice(2))
  if (command.action !== 'serve') {
    giveSignalsBack()
    endWithReader()
  }
  switch (command.action) {
    case 'help':
      process.stdout.write(helpText())
      return 0
    case 'version':
      console.log(version())
      return 0
    case 'list': {
      const { list } = await import('./cli/list.js')
      return await list(command.isJson)
    }
    case 'status': {
      const { status } = await import('./cli/status.js')
      return await status(await findPool(command.pool), command.isJson)
    }
    case 'top': {
      const { top } = await import('./cli/top.js')
      return await top(() => findPool(command.pool), command.token)
    }
    case 'slow': {
      const { slow } = await import('./cli/slow.js')
      return await slow(await findPool(command.pool))
    }
    case 'profile':
    case 'heap': {
      const { capture } = await import('./cli/capture.js')
      const admin = await findPool(command.pool)
      return await capture(command.action, admin, command.thread, command.seconds, command.token)
    }
    case 'serve': {
      const { serve } = await import('./cli/serve.js')
      return await serve(() => readOptions(command))
    }
    default: {
      const { order } = await import('./cli/order.js')
      return await order(command.action, await findPool(command.pool), command.query, command.token)
    }
  }
}

async function findPool(meant: Meant): Promise<string> {
  return meant.admin ?? (await (await import('./cli/find-pool.js')).findPool(meant))
}

/** Flags win over the configuration file. A reload reads that anew. */
async function readOptions({ config, options }: ServeCommand): Promise<PoolOptions> {
  const fromFile = config === undefined ? {} : await loadConfig(config)
  return { ...fromFile, ...options } as unknown as PoolOptions
}

main().then(
  (status) => {
    process.exitCode = status
  },
  (error: unknown) => {
    print.failure(error)
    process.exitCode = error instanceof ForkthreadError && USAGE.has(error.code) ? 2 : 1
  },
)
