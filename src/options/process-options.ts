import * as z from 'zod/mini'
import { inspectSchema } from './inspect.js'
import { text } from './kinds.js'
import { ACCOUNT, account, octal, option } from './option.js'
import { paths } from './tls-options.js'
import { mebibytes } from './units.js'

/** As whom and as what the processes run. */
export const accountOptions = {
  user: option(z.optional(account), {
    allowed: ACCOUNT,
    meaning: 'root only: as whom the children run; the parent stays root',
    placeholder: 'USER',
    fixed: true,
  }),
  group: option(z.optional(account), {
    allowed: `${ACCOUNT}, together with user`,
    meaning: "their group, beside the user's supplementary ones (default: the user's first one)",
    placeholder: 'GROUP',
    fixed: true,
  }),
  umask: option(z.optional(octal(0o777)), {
    allowed: "a number from 0 to 0o777, or its octal digits as text, such as '027'",
    meaning: 'umask of the children, of unix paths and of the pid file (default: as it is)',
    placeholder: 'MASK',
    fixed: true,
  }),
  pidFile: option(z.optional(text()), {
    allowed: 'a path',
    meaning: 'a file that holds the pid of the parent while the pool serves',
    placeholder: 'PATH',
    fixed: true,
  }),
  systemdNotify: option(z._default(z.boolean(), true), {
    allowed: 'true or false',
    meaning:
      'tell systemd when the pool is ready and stops, and feed its watchdog (if it asks for that)',
    fixed: true,
  }),
}

/** What the worker threads run with. */
export const environmentOptions = {
  execArgv: option(z.optional(z.array(z.string())), {
    allowed: 'a list of strings',
    meaning: 'a flag for Node in the worker threads, such as --import=tsx',
    placeholder: 'FLAG',
    repeatable: true,
  }),
  env: option(z.optional(z.record(text(), z.string())), {
    allowed: 'an object of strings (NAME=VALUE on the command line)',
    meaning: 'an environment variable for the worker threads',
    placeholder: 'NAME=VALUE',
    repeatable: true,
  }),
  inspect: option(inspectSchema, {
    fixed: true,
    allowed: 'a port from 0 to 65535, or HOST:PORT',
    meaning:
      'for debugging: open the inspector (DevTools) of the thread that leads, and let handlers block (default: off; --inspect alone is 127.0.0.1:9229)',
    placeholder: '[HOST:]PORT',
  }),
  envFile: option(paths(), {
    allowed: 'the path of a file with lines NAME=value, or a list of them',
    meaning:
      'a file with environment variables for the worker threads, read anew by a reload; the environment and env win over it',
    placeholder: 'FILE',
    repeatable: true,
  }),
  resourceLimits: option(
    z.optional(
      z.strictObject({
        maxOldGenerationSizeMb: z.optional(mebibytes()),
        maxYoungGenerationSizeMb: z.optional(mebibytes()),
        codeRangeSizeMb: z.optional(mebibytes()),
        stackSizeMb: z.optional(mebibytes()),
      }),
    ),
    {
      allowed:
        'an object with maxOldGenerationSizeMb, maxYoungGenerationSizeMb, codeRangeSizeMb or stackSizeMb in MiB or as a text with a unit, 512M (NAME=SIZE on the command line)',
      meaning:
        "a limit of each worker thread's heap, as in node:worker_threads (default: maxOldGenerationSizeMb and maxYoungGenerationSizeMb such that all threads fit into the memory)",
      placeholder: 'NAME=SIZE',
      repeatable: true,
    },
  ),
}
