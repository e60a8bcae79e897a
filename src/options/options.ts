import * as z from 'zod'
import { ACCESS_LOG_FORMATS } from '../shared/access-log.js'
import { LOG_FORMATS, LOG_LEVELS, type Logger } from '../shared/logger.js'
import type { Range } from '../shared/terms.js'
import { MAX_PERMITS, MAX_PROCESSES, MAX_THREADS } from '../sync/limits.js'
import { defaultSizes, measureMachine } from './default-sizes.js'
import type { DocumentedOptions } from './documented-options.js'
import { inspectSchema } from './inspect.js'
import { listenerSchema, pathsSchema, type TlsOption, tlsSchema } from './tls-options.js'
import { duration, mebibytes, size } from './units.js'

/**
 * The one schema of every option: of the API, of configuration files and of the command line. Each
 * option carries in its `meta` what is allowed in words (for errors), what it means (for help), and how it
 * is written on the command line.
 */
interface OptionMeta {
  /** "processes: 0 was given; allowed is …" */
  readonly allowed: string
  readonly meaning: string
  /** The placeholder of its value in `--help`; none for options that only the API has. */
  readonly placeholder?: string
  /** The command line may give it several times. */
  readonly repeatable?: boolean
  /** There is no flag for it. */
  readonly isApiOnly?: boolean
  /** It is settled when the pool starts, so a reload can't change it. */
  readonly fixed?: boolean
}

function option<T extends z.ZodType>(schema: T, meta: OptionMeta): T {
  return schema.meta({ ...meta })
}

const milliseconds = duration(0)
const patience = duration(1)
const MS =
  'a whole number of milliseconds from 0 (never) to 2147483647, or a text with a unit: 500ms, 10s, 5m, 1h, 1d'
const PATIENCE = MS.replace('0 (never)', '1')
const BYTES = 'a whole number of bytes, 0 for never, or a text with a unit: 512K, 64M, 2G'

const machine = measureMachine()
const sizes = defaultSizes(machine.cores, machine.memoryBytes)
const inWords = ({ min, max }: Range): string => (min === max ? String(min) : `${min}:${max}`)

/** `4`, `'1:4'` or `{ min: 1, max: 4 }`. */
function range(limit: number) {
  const bound = z.int().min(1).max(limit)
  return z
    .union([
      bound.transform((both) => ({ min: both, max: both })),
      z
        .string()
        .regex(/^\d+:\d+$/)
        .transform((text) => text.split(':').map(Number))
        .pipe(z.tuple([bound, bound]))
        .transform(([min, max]) => ({ min, max })),
      z.strictObject({ min: bound, max: bound }),
    ])
    .refine(({ min, max }) => min <= max)
}

const rangeInWords = (limit: number): string =>
  `a whole number from 1 to ${limit}, or MIN:MAX, or { min, max }, with min not above max`

/** As `chmod` takes it: a number, or its octal digits as text. */
function octal(limit: number) {
  return z.union([
    z.int().min(0).max(limit),
    z
      .string()
      .regex(/^(0o)?[0-7]{1,4}$/)
      .transform((text) => Number.parseInt(text.replace('0o', ''), 8))
      .pipe(z.int().max(limit)),
  ])
}

const account = z.union([
  z
    .int()
    .min(0)
    .max(2 ** 32 - 2),
  z.string().regex(/^[^\s:]+$/),
])
const ACCOUNT = 'a name or a number from 0 to 4294967294'

/** With systemd one address may be several listeners, which count each. */
export const MOST_LISTENERS = 64

/** For a handler. A program that was not told otherwise listens where it wants to. */
export const USUAL_LISTEN: readonly string[] = ['127.0.0.1:8080']

const address = z.union([z.int().min(0).max(65_535), z.string().min(1)])
const listener = z.union([address, listenerSchema(address)])

export const schema = z.strictObject({
  handler: option(z.union([z.string().min(1), z.instanceof(URL)]), {
    allowed: 'the path or file URL of a module',
    meaning: 'the module with your handler',
  }),
  listen: option(
    z
      .union([listener.transform((one) => [one]), z.array(listener).min(1).max(MOST_LISTENERS)])
      .default([...USUAL_LISTEN]),
    {
      allowed: `an address or a list of up to ${MOST_LISTENERS}: PORT, HOST:PORT, [V6]:PORT, unix:PATH, unix:@NAME, fd:N, systemd or systemd:NAME, each with https:// in front for TLS, or in the API { address, tls } for TLS with other certificates than the rest`,
      fixed: true,
      meaning:
        'where to listen; a PORT alone is on every interface (default: the port that PORT in the environment says; else where the program listens, for a handler 127.0.0.1:8080)',
      placeholder: 'ADDRESS',
      repeatable: true,
    },
  ),
  args: option(z.array(z.string()).default([]), {
    allowed: 'a list of texts',
    meaning: 'an argument for the module, in its process.argv; also all that follows a --',
    placeholder: 'TEXT',
    repeatable: true,
  }),
  processes: option(range(MAX_PROCESSES / 2).default(sizes.processes), {
    allowed: rangeInWords(MAX_PROCESSES / 2),
    meaning: `child processes (default here: ${inWords(sizes.processes)}, by its cores)`,
    placeholder: 'N|MIN:MAX',
  }),
  threads: option(range(MAX_THREADS).default(sizes.threads), {
    allowed: rangeInWords(MAX_THREADS),
    meaning: `worker threads in each process (default here: ${inWords(sizes.threads)}, by its memory)`,
    placeholder: 'N|MIN:MAX',
  }),
  spares: option(range(MAX_PROCESSES * MAX_THREADS).default(sizes.spares), {
    allowed: rangeInWords(MAX_PROCESSES * MAX_THREADS),
    meaning: `idle threads to keep in the whole pool (default here: ${inWords(sizes.spares)}, by its cores)`,
    placeholder: 'N|MIN:MAX',
  }),
  blockedTimeout: option(milliseconds.default(60_000), {
    allowed: MS,
    meaning:
      "ms that a handler may block its thread's event loop; the thread is replaced (default: 60000)",
    placeholder: 'MS',
  }),
  slowThreshold: option(milliseconds.default(100), {
    allowed: MS,
    meaning:
      'ms of a blocked event loop from which on its stack is sampled, for forkthread slow and /slow.json (default: 100; 0: never)',
    placeholder: 'MS',
  }),
  recycleRequests: option(z.int().min(0).default(0), {
    allowed: 'a whole number, 0 for never',
    meaning: 'requests after which a thread is replaced (default: 0, never)',
    placeholder: 'N',
  }),
  recycleHeap: option(size().default(0), {
    allowed: BYTES,
    meaning: 'bytes of heap from which a thread is replaced (default: 0, never)',
    placeholder: 'BYTES',
  }),
  recycleLifetime: option(milliseconds.default(0), {
    allowed: MS,
    meaning: 'ms after which a process is replaced (default: 0, never)',
    placeholder: 'MS',
  }),
  recycleRss: option(size().default(0), {
    allowed: BYTES,
    meaning: 'bytes of resident memory from which a process is replaced (default: 0, never)',
    placeholder: 'BYTES',
  }),
  acceptMutex: option(z.enum(['auto', 'flock', 'fcntl', 'none']).default('auto'), {
    fixed: true,
    allowed: "'auto', 'flock' or, on Linux, 'fcntl' or 'none'",
    meaning:
      'how processes take turns to accept: a file lock, none (the kernel wakes one), or auto (default): none for one listener and few processes',
    placeholder: 'auto|flock|fcntl|none',
  }),
  acceptPermits: option(z.int().min(1).max(MAX_PERMITS).default(1), {
    fixed: true,
    allowed: `a whole number from 1 to ${MAX_PERMITS}`,
    meaning: 'processes that may accept at the same time, with an accept mutex (default: 1)',
    placeholder: 'N',
  }),
  keepAlive: option(z.enum(['auto', 'park', 'pin']).default('auto'), {
    allowed: "'auto', 'pin' or, on Linux, 'park'",
    meaning:
      'an idle keep-alive connection is handed back for any thread (park), stays with its thread (pin), or is handed back by threads whose handlers block them (auto, default)',
    placeholder: 'auto|park|pin',
    fixed: true,
  }),
  keepAliveTimeout: option(milliseconds.default(5000), {
    allowed: MS,
    meaning: 'ms that an idle keep-alive connection stays open (default: 5000)',
    placeholder: 'MS',
  }),
  headersTimeout: option(milliseconds.default(60_000), {
    allowed: `${MS}, not above requestTimeout`,
    meaning:
      'ms a client may take for the headers of a request (default: 60000, or requestTimeout if that is less)',
    placeholder: 'MS',
  }),
  requestTimeout: option(milliseconds.default(300_000), {
    allowed: MS,
    meaning: 'ms a client may take for a whole request (default: 300000)',
    placeholder: 'MS',
  }),
  drainTimeout: option(patience.default(30_000), {
    allowed: PATIENCE,
    meaning: 'ms a leaving process may take to finish its requests (default: 30000)',
    placeholder: 'MS',
  }),
  shutdownIdleTimeout: option(milliseconds.default(2000), {
    allowed: MS.replace('0 (never)', '0 (at once)'),
    meaning:
      'ms that a connection must have been idle for the end of the pool to close it; before that, its next response says so (default: 2000, at most keepAliveTimeout counts)',
    placeholder: 'MS',
  }),
  signalSpread: option(milliseconds.default(0), {
    allowed: MS,
    meaning:
      'ms over which threads that leave tell their apps (signal, SIGTERM), so that WebSocket clients do not all come back at once; at most half of drainTimeout counts (default: 0, at once)',
    placeholder: 'MS',
  }),
  startTimeout: option(patience.default(30_000), {
    allowed: PATIENCE,
    meaning: 'ms a process may take to load the handler (default: 30000)',
    placeholder: 'MS',
  }),
  preStopDelay: option(milliseconds.default(0), {
    allowed: MS,
    meaning:
      'ms between the word that the pool is draining (/ready) and the end of serving (default: 0)',
    placeholder: 'MS',
  }),
  reloadBatch: option(
    z
      .int()
      .min(1)
      .max(MAX_PROCESSES / 2)
      .default(1),
    {
      allowed: `a whole number from 1 to ${MAX_PROCESSES / 2}`,
      meaning: 'processes that a reload may have above the usual number at a time (default: 1)',
      placeholder: 'N',
    },
  ),
  canaryTime: option(milliseconds.default(1000), {
    allowed: MS,
    meaning:
      'ms that the first process of a reload must stay up before others follow (default: 1000)',
    placeholder: 'MS',
  }),
  watch: option(z.boolean().default(false), {
    fixed: true,
    allowed: 'true or false',
    meaning: 'for development: reload when a file changes that the handler has loaded',
  }),
  admin: option(z.union([z.int().min(0).max(65_535), z.string().min(1)]).optional(), {
    fixed: true,
    allowed:
      'a loopback address or a unix path: PORT, 127.0.0.1:PORT, [::1]:PORT, localhost:PORT or unix:PATH; or private, or off',
    meaning:
      "where the pool is asked how it does, and given orders (default: for the command private, a socket in the user's runtime folder by which list, status and the like find it; for createPool() off)",
    placeholder: 'ADDRESS',
  }),
  adminToken: option(z.string().min(16).max(200).optional(), {
    fixed: true,
    allowed: 'a text of 16 to 200 characters',
    meaning:
      'what whoever gives orders at a TCP admin address must know; better in FORKTHREAD_ADMIN_TOKEN or the configuration file, where ps does not show it (default: none)',
    placeholder: 'TOKEN',
  }),
  accessLog: option(z.string().min(1).optional(), {
    allowed: 'a path, or - for standard output',
    meaning: 'where to log each request; opened anew on USR1 (default: nowhere)',
    placeholder: 'FILE|-',
  }),
  accessLogFormat: option(z.enum(ACCESS_LOG_FORMATS).default('combined'), {
    allowed: "'combined', 'common' or 'json'",
    meaning: "form of its lines: Apache's, or one JSON object each (default: combined)",
    placeholder: 'combined|common|json',
  }),
  threadPrefix: option(z.boolean().default(false), {
    allowed: 'true or false',
    meaning: 'each line that a handler prints begins with its process and thread, as in [0.3]',
  }),
  logFormat: option(z.enum(LOG_FORMATS).optional(), {
    fixed: true,
    allowed: "'pretty' or 'json'",
    meaning:
      "form of the pool's own lines on standard error (default: pretty on a terminal, else JSON)",
    placeholder: 'pretty|json',
  }),
  logLevel: option(z.enum(LOG_LEVELS).optional(), {
    fixed: true,
    allowed: LOG_LEVELS.map((level) => `'${level}'`).join(', '),
    meaning: 'from which level on a line is written (default: info)',
    placeholder: 'LEVEL',
  }),
  queueTimeout: option(milliseconds.default(0), {
    allowed: MS,
    meaning:
      'ms that a request may wait for a thread; what has waited longer gets 503 with Retry-After before your code runs (default: 0, as long as it takes)',
    placeholder: 'MS',
  }),
  maxConnections: option(z.int().min(0).default(0), {
    allowed: 'a whole number, 0 for no limit',
    meaning:
      'connections that clients may have open in the whole pool; what comes beyond gets 503 (default: 0, no limit)',
    placeholder: 'N',
  }),
  trustRequestStart: option(z.boolean().default(false), {
    allowed: 'true or false',
    meaning:
      'a proxy in front sets X-Request-Start or X-Queue-Start, and the wait counts from there; only where clients cannot set them',
  }),
  queueTimeHeader: option(z.enum(['off', 'x-queue-time', 'server-timing']).default('off'), {
    allowed: "'off', 'x-queue-time' or 'server-timing'",
    meaning: 'tell in each response how many ms its request has waited for a thread (default: off)',
    placeholder: 'off|x-queue-time|server-timing',
  }),
  metrics: option(z.union([z.int().min(0).max(65_535), z.string().min(1)]).optional(), {
    fixed: true,
    allowed: 'an address of its own: PORT, HOST:PORT, [V6]:PORT or unix:PATH',
    meaning:
      'where to read, on any interface, and give no orders: /metrics (Prometheus), /status.json, /live, /ready; a PORT alone is on every interface (default: nowhere)',
    placeholder: 'ADDRESS',
  }),
  agentCheck: option(z.union([z.int().min(0).max(65_535), z.string().min(1)]).optional(), {
    fixed: true,
    allowed: 'an address of its own: PORT, HOST:PORT, [V6]:PORT or unix:PATH, not that of admin',
    meaning:
      "where HAProxy's agent-check learns the share of idle threads, and when the pool drains; a PORT alone is on every interface (default: nowhere)",
    placeholder: 'ADDRESS',
  }),
  backlog: option(z.int().min(1).max(65_535).default(1024), {
    fixed: true,
    allowed: 'a whole number from 1 to 65535',
    meaning: 'connections that may wait in the kernel per listener (default: 1024)',
    placeholder: 'N',
  }),
  ipv6Only: option(z.boolean().default(false), {
    fixed: true,
    allowed: 'true or false',
    meaning: 'an IPv6 listener leaves IPv4 clients out',
  }),
  reusePort: option(z.boolean().default(false), {
    allowed: 'true or false',
    meaning:
      'SO_REUSEPORT: other sockets of this user may have the same port, and the kernel spreads connections over all',
    fixed: true,
  }),
  deferAccept: option(z.boolean().optional(), {
    allowed: 'true or false',
    meaning: 'Linux: accept a connection when its first bytes are there (default: on for HTTP)',
  }),
  tls: option(tlsSchema, {
    allowed:
      '{ key, cert } in PEM or as paths, with ca, passphrase, servername, minVersion, maxVersion, ciphers, requestCert, rejectUnauthorized or ALPNProtocols; or a list of these, told apart by the names in the certificates',
    meaning: 'serve https',
    isApiOnly: true,
  }),
  tlsKey: option(pathsSchema, {
    allowed: 'the path of a private key in PEM, or a list; as many as tlsCert, and without tls',
    meaning: 'the private key for https:// addresses, in PEM; renewed when the file changes',
    placeholder: 'PATH',
    repeatable: true,
  }),
  tlsCert: option(pathsSchema, {
    allowed: 'the path of a certificate in PEM, or a list; as many as tlsKey, and without tls',
    meaning:
      'its certificate, with the chain; several, each with its key, are chosen by the name that the client asks for',
    placeholder: 'PATH',
    repeatable: true,
  }),
  proxyProtocol: option(
    z.union([z.boolean(), z.array(address).min(1).max(MOST_LISTENERS)]).default(false),
    {
      allowed: 'true, false, or a list of those addresses of listen that are behind such a proxy',
      meaning:
        'connections begin with a PROXY header (v1 or v2) that tells the client; =ADDRESS for one listener only',
      fixed: true,
    },
  ),
  socketMode: option(octal(0o777).optional(), {
    allowed: "a number from 0 to 0o777, or its octal digits as text, such as '0660'",
    meaning:
      'rights of unix paths (default: 0777 without the umask); to connect takes the right to write',
    placeholder: 'MODE',
    fixed: true,
  }),
  socketUser: option(account.optional(), {
    allowed: ACCOUNT,
    meaning: 'owner of unix paths (default: who starts the pool)',
    placeholder: 'USER',
    fixed: true,
  }),
  socketGroup: option(account.optional(), {
    allowed: ACCOUNT,
    meaning: 'group of unix paths (default: that of who starts the pool)',
    placeholder: 'GROUP',
    fixed: true,
  }),
  user: option(account.optional(), {
    allowed: ACCOUNT,
    meaning: 'root only: as whom the children run; the parent stays root',
    placeholder: 'USER',
    fixed: true,
  }),
  group: option(account.optional(), {
    allowed: `${ACCOUNT}, together with user`,
    meaning: "their group, beside the user's supplementary ones (default: the user's first one)",
    placeholder: 'GROUP',
    fixed: true,
  }),
  umask: option(octal(0o777).optional(), {
    allowed: "a number from 0 to 0o777, or its octal digits as text, such as '027'",
    meaning: 'umask of the children, of unix paths and of the pid file (default: as it is)',
    placeholder: 'MASK',
    fixed: true,
  }),
  pidFile: option(z.string().min(1).optional(), {
    allowed: 'a path',
    meaning: 'a file that holds the pid of the parent while the pool serves',
    placeholder: 'PATH',
    fixed: true,
  }),
  systemdNotify: option(z.boolean().default(true), {
    allowed: 'true or false',
    meaning:
      'tell systemd when the pool is ready and stops, and feed its watchdog (if it asks for that)',
    fixed: true,
  }),
  execArgv: option(z.array(z.string()).optional(), {
    allowed: 'a list of strings',
    meaning: 'a flag for Node in the worker threads, such as --import=tsx',
    placeholder: 'FLAG',
    repeatable: true,
  }),
  env: option(z.record(z.string().min(1), z.string()).optional(), {
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
  envFile: option(pathsSchema, {
    allowed: 'the path of a file with lines NAME=value, or a list of them',
    meaning:
      'a file with environment variables for the worker threads, read anew by a reload; the environment and env win over it',
    placeholder: 'FILE',
    repeatable: true,
  }),
  resourceLimits: option(
    z
      .strictObject({
        maxOldGenerationSizeMb: mebibytes().optional(),
        maxYoungGenerationSizeMb: mebibytes().optional(),
        codeRangeSizeMb: mebibytes().optional(),
        stackSizeMb: mebibytes().optional(),
      })
      .optional(),
    {
      allowed:
        'an object with maxOldGenerationSizeMb, maxYoungGenerationSizeMb, codeRangeSizeMb or stackSizeMb in MiB or as a text with a unit, 512M (NAME=SIZE on the command line)',
      meaning:
        "a limit of each worker thread's heap, as in node:worker_threads (default: maxOldGenerationSizeMb such that all threads fit into the memory)",
      placeholder: 'NAME=SIZE',
      repeatable: true,
    },
  ),
})

/** What the schema takes. */
export type OptionInput = z.input<typeof schema>

/** What a user gives. */
export interface PoolOptions extends DocumentedOptions, OptionInput {
  /** Closes the pool when it aborts; during the start it makes the start fail. */
  readonly signal?: AbortSignal | undefined
  /** Gets a line for each thing that happens: pino's, or any with the same methods. */
  readonly logger?: Logger | undefined
  /** Asked for the options anew at each reload, as the command does with its configuration file. */
  readonly reloadOptions?: (() => PoolOptions | Promise<PoolOptions>) | undefined
}

/** What `pool.resize` takes. */
export type PoolSizes = Partial<Pick<PoolOptions, 'processes' | 'threads' | 'spares'>>

/** Without what is not in the schema. What is no object stays as it is, for the schema to refuse. */
export function plainOptions(given: PoolOptions): z.input<typeof schema> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given
  const { signal: _, reloadOptions: __, logger: ___, ...options } = given
  return options
}

/** Every option with its value. */
export type Settings = Readonly<Omit<z.output<typeof schema>, 'handler' | 'listen'>> & {
  /** A file URL. */
  readonly handler: string
  /** The addresses alone. */
  readonly listen: readonly (string | number)[]
  /** In their order; undefined for those that have what all have. */
  readonly ownTls: readonly (readonly TlsOption[] | undefined)[]
}

export type OptionName = keyof typeof schema.shape

export const optionNames = Object.keys(schema.shape) as readonly OptionName[]

export function metaOf(name: OptionName): OptionMeta {
  return schema.shape[name].meta() as unknown as OptionMeta
}
