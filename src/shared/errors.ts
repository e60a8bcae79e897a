import { inspect } from 'node:util'

/**
 * Every error that forkthread raises is a row of this table: a stable code, and a sentence that shows
 * what was given, what is allowed and what to do next.
 */
export const messages = {
  FT_ERR_PLATFORM: (platform: string) =>
    `forkthread needs fork-style descriptor inheritance and file locks, which ${platform} does not have; run it on Linux or macOS (on Windows: inside WSL or a container).`,
  FT_ERR_OPTION: (name: string, given: unknown, allowed: string) =>
    `${name}: ${show(given)} was given; allowed is ${allowed}.`,
  FT_ERR_OPTION_UNKNOWN: (name: string, known: readonly string[]) =>
    `${name}: there is no such option; known are ${known.join(', ')}.`,
  FT_ERR_OPTION_FIXED: (name: string, now: unknown, given: unknown) =>
    `${name}: a running pool can't change it from ${show(now)} to ${show(given)}; everything is as before the reload. Start a new parent instead (upgrade).`,
  FT_ERR_CONFIG: (path: string, why: string) =>
    `The configuration file ${path} can't be used: ${why}. It must be a module whose default export is an object of options, or a JSON file with that object.`,
  FT_ERR_ENV_FILE: (path: string, why: string) =>
    `envFile: ${path} can't be used: ${why}. Give a file with lines of the form NAME=value.`,
  FT_ERR_ADDRESS: (given: unknown, option = 'listen') =>
    `${option}: ${show(given)} is not an address; allowed are PORT, HOST:PORT, [V6]:PORT, unix:PATH, unix:@NAME, fd:N, systemd and systemd:NAME, with a port from 0 (any free one) to 65535 and N from 3; https:// may stand in front.`,
  FT_ERR_TLS: (what: string, why: string) =>
    `tls: ${what} can't be used: ${why}; give a private key and its certificate, both in PEM, that the user who starts the pool may read.`,
  FT_ERR_HOST_NOT_FOUND: (host: string) =>
    `listen: the host name ${show(host)} does not resolve; give a name of this machine, or one of its IP addresses.`,
  FT_ERR_ADDRESS_IN_USE: (address: string, option: string) =>
    `${option}: ${address} is in use by another socket; stop the server that holds it, or listen elsewhere.`,
  FT_ERR_ADDRESS_DENIED: (address: string, option: string) =>
    `${option}: ${address} may not be bound by this user; ports below 1024 need root or CAP_NET_BIND_SERVICE, a unix path needs write permission in its folder.`,
  FT_ERR_ADDRESS_NOT_LOCAL: (address: string, option: string) =>
    `${option}: ${address} is not an address of this machine; give one that an interface here has, or listen on a port alone.`,
  FT_ERR_ADDRESS_INHERITED: (address: string, why: string) =>
    `${address} can't be served: ${why}; give a listening stream socket (TCP or unix) that this process has inherited.`,
  FT_ERR_SYSTEMD_SOCKETS: (address: string, why: string) =>
    `listen: ${address} was given, but systemd has not passed such sockets to this process: ${why}; start it by a .socket unit whose service runs it directly, without a shell or npm between.`,
  FT_ERR_SOCKET_RIGHTS: (path: string, why: string) =>
    `unix:${path} can't get the asked-for owner or mode: ${why}; socketUser needs root, socketGroup root or a group of this user.`,
  FT_ERR_ACCOUNT: (option: string, given: string | number, why: string) =>
    `${option}: ${show(given)} was given, but ${why}.`,
  FT_ERR_PRIVILEGES: (user: string, why: string) => `No process can run as ${user}: ${why}.`,
  FT_ERR_PID_FILE: (path: string, why: string) =>
    `pidFile: ${path} can't be used: ${why}; choose a path that this user may write, where nothing else stands.`,
  FT_ERR_PID_FILE_HELD: (path: string, holder: string) =>
    `pidFile: ${path} is held by ${holder}, which runs; stop it, or choose another path.`,
  FT_ERR_SOCKET_PATH: (path: string, why: string) =>
    `unix:${path} can't be bound: ${why}; choose a path of at most 107 bytes in an existing folder, where no other file stands.`,
  FT_ERR_ADMIN: (address: string, why: string) =>
    `The admin address ${address} did not do what was asked (${why}); it must be the one of a pool that was started with --admin ${address}.`,
  FT_ERR_LOCK_FOLDER: (folder: string, fileSystem: string) =>
    `The folder for temporary files, ${folder}, is on ${fileSystem}, where file locks are slow or exclude nobody; set TMPDIR to a folder on a local disk or in memory.`,
  FT_ERR_SYSTEM: (call: string, errno: string, context: string) =>
    `${call} failed with ${errno} (${context}).`,
  FT_ERR_HANDLER_NOT_FOUND: (path: string) =>
    `handler: there is no file ${path}; give the path or file URL of the module that holds your handler.`,
  FT_ERR_HANDLER_LOAD: (path: string, why: string) =>
    `The handler ${path} failed while it was loaded or set up: ${why}`,
  FT_ERR_HANDLER_EXPORT: (path: string, found: string, until: string) =>
    `The handler ${path} exports ${found}; it must have a default export that is a function (req, res), an object with fetch(request) or a server, or an export named connection(socket); or be a program whose server listens. It neither exports a handler nor has called listen() ${until}. (What runs only where import.meta.main is true, or process.send is there, does not run in a thread.)`,
  FT_ERR_LISTEN: (asked: string, listeners: string, wanted: string) =>
    `The program calls listen() for ${asked}, where the pool does not listen: it serves ${listeners}. Give --listen ${wanted} beside the others, or port 0 for a server that is only for this thread.`,
  FT_ERR_CLUSTER: () =>
    'The program calls cluster.fork(), but forkthread starts the processes itself: start the file that its workers run (the branch where cluster.isWorker), and say how many with --processes and --threads.',
  FT_ERR_THREAD_EXIT: (code: number) => `it called process.exit(${code}).`,
  FT_ERR_HANDLER: (what: string, why: string) => `The handler failed for ${what}: ${why}`,
  FT_ERR_START_TIMEOUT: (who: string, ms: number, handler: string, where: string) =>
    `${who} was not ready within startTimeout (${ms} ms): ${handler} was still loading${where === '' ? '' : `; ${where}`}. Raise startTimeout if it really needs longer; threads that start at once share the processors.`,
  FT_ERR_CHILD_DIED: (pid: number, how: string) => `The child ${pid} died: ${how}.`,
  FT_ERR_CHILD_STUCK: (pid: number) =>
    `Connections wait, and the child ${pid} gives no sign of life (stopped or swapped out); it is killed and replaced.`,
  FT_ERR_CHILD_CHANNEL: (pid: number) =>
    `What came over the channel of child ${pid} to the parent is no message of forkthread, or the channel was closed: code in it uses a descriptor that it has not opened. It is killed and replaced.`,
  FT_ERR_THREAD_DIED: (pid: number, thread: number, lived: string, why: string) =>
    `Thread ${thread} of child ${pid} died ${lived}: ${why}`,
  FT_ERR_THREAD_BLOCKED: (ms: number, request: string) =>
    `Its event loop has not turned for ${ms} ms (blockedTimeout)${request === '' ? '' : `; the last thing it began was ${request}`}.`,
  FT_ERR_PARKER_DIED: (pid: number, why: string) =>
    `The thread of child ${pid} that looks after parked connections died, and is started again; they wait meanwhile: ${why}`,
  FT_ERR_DRAIN_TIMEOUT: (what: string, ms: number) =>
    `${what} had not finished its requests after drainTimeout (${ms} ms) and was cut off.`,
  FT_ERR_RELOAD: (why: string) =>
    `The reload failed: the first process of the new generation ${why}. The old generation goes on.`,
  FT_ERR_RELOAD_HALFWAY: (replaced: number, old: number) =>
    `The reload stopped halfway, since processes failed to start again and again: ${replaced} were replaced, ${old} go on with the old generation. Mend what they fail of, and reload again.`,
  FT_ERR_NO_POOL: (why: string) => why,
  FT_ERR_THREAD_KILLED: (request: string) =>
    `An order has ended the thread${request === '' ? '' : `; the last request that it began is ${request}`}. Where it was says the stack.`,
  FT_ERR_UPGRADE: (why: string) => `The upgrade failed: ${why}. This parent goes on.`,
  FT_ERR_ACCESS_LOG: (path: string, why: string) =>
    `accessLog: ${path} can't be opened: ${why}; give a path in a folder that the children may write in, or - for standard output.`,
  FT_ERR_OUTPUT_LOST: (who: string, stream: string, lines: number, why: string) =>
    `${who} lost ${lines} line${lines === 1 ? '' : 's'} of its ${stream} (${why}); it could be written again just now, or it ends. Give it a reader that keeps up, or a file with room.`,
  FT_ERR_CLOSED: (what: string) =>
    `${what} is not possible: the pool is closing or closed; create a new one.`,
  FT_ERR_CHANNEL_FULL: (name: string, bytes: number) =>
    `Channel ${show(name)}: ${bytes} bytes of this thread wait to be sent already; await channel.drained() now and then, or post less.`,
  FT_ERR_CHANNEL_DATA: (name: string, why: string) =>
    `Channel ${show(name)}: the message can't be sent: ${why}; send what structuredClone() takes, without functions, ports and shared memory.`,
  FT_ERR_LOCK_HELD: (owner: number) =>
    `Thread ${owner} holds this lock already; it can't take it a second time.`,
  FT_ERR_LOCK_NOT_HELD: (caller: number, owner: number) =>
    `Thread ${caller} can't release this lock: ${owner === 0 ? 'nobody holds it' : `thread ${owner} holds it`}.`,
  FT_ERR_EXEC_ARGV: (given: unknown, why: string) =>
    `execArgv: ${show(given)} was given, but no thread can start with it: ${why}. Give flags of Node that a worker thread may have; those of V8 and of the whole process belong into NODE_OPTIONS, which counts here, too.`,
  FT_ERR_USAGE: (why: string) => `${why}\nRun forkthread --help for the options.`,
} as const

export type ErrorCode = keyof typeof messages

/** An error of forkthread. `code` is stable across releases; the message is for people. */
export class ForkthreadError extends Error {
  override readonly name = 'ForkthreadError'
  constructor(
    readonly code: ErrorCode,
    message: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause })
  }
}

/** Makes the error of one row of the table; `args` are what its sentence shows. */
export function fail<C extends ErrorCode>(
  code: C,
  args: Parameters<(typeof messages)[C]>,
  cause?: unknown,
): ForkthreadError {
  const sentence = messages[code] as (...parts: unknown[]) => string
  return new ForkthreadError(code, sentence(...args), cause)
}

/** How far a chain of causes is followed. */
const MOST_CAUSES = 8

/** What of an error crosses a process border. */
export interface SerializedError {
  readonly name: string
  readonly code?: string
  readonly message: string
  readonly stack?: string
  readonly cause?: SerializedError
}

/** Anything may be thrown in JavaScript; this keeps what can be sent of it. */
export function serializeError(thrown: unknown, depth = 0): SerializedError {
  if (!(thrown instanceof Error)) return { name: 'Error', message: show(thrown) }
  const code = (thrown as { code?: unknown }).code
  return {
    name: thrown.name,
    message: thrown.message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(thrown.stack === undefined ? {} : { stack: thrown.stack }),
    // A cause may be its own cause.
    ...(thrown.cause === undefined || depth >= MOST_CAUSES
      ? {}
      : { cause: serializeError(thrown.cause, depth + 1) }),
  }
}

/** The other side of `serializeError`: an error of ours keeps its class and code, any other its stack. */
export function deserializeError(sent: SerializedError): Error {
  const cause = sent.cause === undefined ? undefined : deserializeError(sent.cause)
  const error =
    sent.code !== undefined && sent.code in messages
      ? new ForkthreadError(sent.code as ErrorCode, sent.message, cause)
      : Object.assign(new Error(sent.message, cause === undefined ? undefined : { cause }), {
          name: sent.name,
          ...(sent.code === undefined ? {} : { code: sent.code }),
        })
  if (sent.stack !== undefined) error.stack = sent.stack
  return error
}

function show(value: unknown): string {
  return inspect(value, { depth: 2, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 200 })
}
