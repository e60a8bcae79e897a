// Written by docs/generate-options.js from the schema: `npm run docs`.
import type { OptionInput } from './schema.js'

/** The options with what editors show of them. */
export interface DocumentedOptions {
  /**
   * The module with your handler.
   *
   * Allowed: the path or file URL of a module.
   */
  handler: OptionInput['handler']
  /**
   * Where to listen; a PORT alone is on every interface.
   *
   * Allowed: an address or a list of up to 64: PORT, HOST:PORT, [V6]:PORT, unix:PATH, unix:@NAME, fd:N, systemd or systemd:NAME, each with https:// in front for TLS, or in the API { address, tls } for TLS with other certificates than the rest.
   * @default the port that PORT in the environment says; else where the program listens, for a handler 127.0.0.1:8080
   */
  listen?: OptionInput['listen']
  /**
   * An argument for the module, in its process.argv; also all that follows a --.
   *
   * Allowed: a list of texts.
   */
  args?: OptionInput['args']
  /**
   * Child processes.
   *
   * Allowed: a whole number from 1 to 64, or MIN:MAX, or { min, max }, with min not above max.
   */
  processes?: OptionInput['processes']
  /**
   * Worker threads in each process.
   *
   * Allowed: a whole number from 1 to 32, or MIN:MAX, or { min, max }, with min not above max.
   */
  threads?: OptionInput['threads']
  /**
   * Idle threads to keep in the whole pool.
   *
   * Allowed: a whole number from 1 to 4096, or MIN:MAX, or { min, max }, with min not above max.
   */
  spares?: OptionInput['spares']
  /**
   * Ms that a handler may block its thread's event loop; the thread is replaced.
   *
   * Allowed: a whole number of milliseconds from 0 (never) to 2147483647, or a text with a unit: 500ms, 10s, 5m, 1h, 1d.
   * @default 60000
   */
  blockedTimeout?: OptionInput['blockedTimeout']
  /**
   * Ms of a blocked event loop from which on its stack is sampled, for forkthread slow and /slow.json.
   *
   * Allowed: a whole number of milliseconds from 0 (never) to 2147483647, or a text with a unit: 500ms, 10s, 5m, 1h, 1d.
   * @default 100; 0: never
   */
  slowThreshold?: OptionInput['slowThreshold']
  /**
   * Requests after which a thread is replaced.
   *
   * Allowed: a whole number, 0 for never.
   * @default 0, never
   */
  recycleRequests?: OptionInput['recycleRequests']
  /**
   * Bytes of heap from which a thread is replaced.
   *
   * Allowed: a whole number of bytes, 0 for never, or a text with a unit: 512K, 64M, 2G.
   * @default 0, never
   */
  recycleHeap?: OptionInput['recycleHeap']
  /**
   * Ms after which a process is replaced.
   *
   * Allowed: a whole number of milliseconds from 0 (never) to 2147483647, or a text with a unit: 500ms, 10s, 5m, 1h, 1d.
   * @default 0, never
   */
  recycleLifetime?: OptionInput['recycleLifetime']
  /**
   * Bytes of resident memory from which a process is replaced.
   *
   * Allowed: a whole number of bytes, 0 for never, or a text with a unit: 512K, 64M, 2G.
   * @default 0, never
   */
  recycleRss?: OptionInput['recycleRss']
  /**
   * How processes take turns to accept: a file lock, none (the kernel wakes one), or auto (default): none for one listener and few processes.
   *
   * Allowed: 'auto', 'flock' or, on Linux, 'fcntl' or 'none'.
   */
  acceptMutex?: OptionInput['acceptMutex']
  /**
   * Processes that may accept at the same time, with an accept mutex.
   *
   * Allowed: a whole number from 1 to 64.
   * @default 1
   */
  acceptPermits?: OptionInput['acceptPermits']
  /**
   * An idle keep-alive connection is handed back for any thread (park), stays with its thread (pin), or is handed back by threads whose handlers block them (auto, default).
   *
   * Allowed: 'auto', 'pin' or, on Linux, 'park'.
   */
  keepAlive?: OptionInput['keepAlive']
  /**
   * Ms that an idle keep-alive connection stays open.
   *
   * Allowed: a whole number of milliseconds from 0 (never) to 2147483647, or a text with a unit: 500ms, 10s, 5m, 1h, 1d.
   * @default 5000
   */
  keepAliveTimeout?: OptionInput['keepAliveTimeout']
  /**
   * Ms a client may take for the headers of a request.
   *
   * Allowed: a whole number of milliseconds from 0 (never) to 2147483647, or a text with a unit: 500ms, 10s, 5m, 1h, 1d, not above requestTimeout.
   * @default 60000, or requestTimeout if that is less
   */
  headersTimeout?: OptionInput['headersTimeout']
  /**
   * Ms a client may take for a whole request.
   *
   * Allowed: a whole number of milliseconds from 0 (never) to 2147483647, or a text with a unit: 500ms, 10s, 5m, 1h, 1d.
   * @default 300000
   */
  requestTimeout?: OptionInput['requestTimeout']
  /**
   * Ms a leaving process may take to finish its requests.
   *
   * Allowed: a whole number of milliseconds from 1 to 2147483647, or a text with a unit: 500ms, 10s, 5m, 1h, 1d.
   * @default 30000
   */
  drainTimeout?: OptionInput['drainTimeout']
  /**
   * Ms that a connection must have been idle for the end of the pool to close it; before that, its next response says so.
   *
   * Allowed: a whole number of milliseconds from 0 (at once) to 2147483647, or a text with a unit: 500ms, 10s, 5m, 1h, 1d.
   * @default 2000, at most keepAliveTimeout counts
   */
  shutdownIdleTimeout?: OptionInput['shutdownIdleTimeout']
  /**
   * Ms over which threads that leave tell their apps (signal, SIGTERM), so that WebSocket clients do not all come back at once; at most half of drainTimeout counts.
   *
   * Allowed: a whole number of milliseconds from 0 (never) to 2147483647, or a text with a unit: 500ms, 10s, 5m, 1h, 1d.
   * @default 0, at once
   */
  signalSpread?: OptionInput['signalSpread']
  /**
   * Ms a process may take to load the handler.
   *
   * Allowed: a whole number of milliseconds from 1 to 2147483647, or a text with a unit: 500ms, 10s, 5m, 1h, 1d.
   * @default 30000
   */
  startTimeout?: OptionInput['startTimeout']
  /**
   * Ms between the word that the pool is draining (/ready) and the end of serving.
   *
   * Allowed: a whole number of milliseconds from 0 (never) to 2147483647, or a text with a unit: 500ms, 10s, 5m, 1h, 1d.
   * @default 0
   */
  preStopDelay?: OptionInput['preStopDelay']
  /**
   * Processes that a reload may have above the usual number at a time.
   *
   * Allowed: a whole number from 1 to 64.
   * @default 1
   */
  reloadBatch?: OptionInput['reloadBatch']
  /**
   * Ms that the first process of a reload must stay up before others follow.
   *
   * Allowed: a whole number of milliseconds from 0 (never) to 2147483647, or a text with a unit: 500ms, 10s, 5m, 1h, 1d.
   * @default 1000
   */
  canaryTime?: OptionInput['canaryTime']
  /**
   * For development: reload when a file changes that the handler has loaded.
   *
   * Allowed: true or false.
   */
  watch?: OptionInput['watch']
  /**
   * Where the pool is asked how it does, and given orders.
   *
   * Allowed: a loopback address or a unix path: PORT, 127.0.0.1:PORT, [::1]:PORT, localhost:PORT or unix:PATH; or private, or off.
   * @default for the command private, a socket in the user's runtime folder by which list, status and the like find it; for createPool() off
   */
  admin?: OptionInput['admin']
  /**
   * What whoever gives orders at a TCP admin address must know; better in FORKTHREAD_ADMIN_TOKEN or the configuration file, where ps does not show it.
   *
   * Allowed: a text of 16 to 200 characters.
   * @default none
   */
  adminToken?: OptionInput['adminToken']
  /**
   * Where to log each request; opened anew on USR1.
   *
   * Allowed: a path, or - for standard output.
   * @default nowhere
   */
  accessLog?: OptionInput['accessLog']
  /**
   * Form of its lines: Apache's, or one JSON object each.
   *
   * Allowed: 'combined', 'common' or 'json'.
   * @default combined
   */
  accessLogFormat?: OptionInput['accessLogFormat']
  /**
   * Each line that a handler prints begins with its process and thread, as in [0.3].
   *
   * Allowed: true or false.
   */
  threadPrefix?: OptionInput['threadPrefix']
  /**
   * Form of the pool's own lines on standard error.
   *
   * Allowed: 'pretty' or 'json'.
   * @default pretty on a terminal, else JSON
   */
  logFormat?: OptionInput['logFormat']
  /**
   * From which level on a line is written.
   *
   * Allowed: 'trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'.
   * @default info
   */
  logLevel?: OptionInput['logLevel']
  /**
   * Ms that a request may wait for a thread; what has waited longer gets 503 with Retry-After before your code runs.
   *
   * Allowed: a whole number of milliseconds from 0 (never) to 2147483647, or a text with a unit: 500ms, 10s, 5m, 1h, 1d.
   * @default 0, as long as it takes
   */
  queueTimeout?: OptionInput['queueTimeout']
  /**
   * Connections that clients may have open in the whole pool; what comes beyond gets 503.
   *
   * Allowed: a whole number, 0 for no limit.
   * @default 0, no limit
   */
  maxConnections?: OptionInput['maxConnections']
  /**
   * A proxy in front sets X-Request-Start or X-Queue-Start, and the wait counts from there; only where clients cannot set them.
   *
   * Allowed: true or false.
   */
  trustRequestStart?: OptionInput['trustRequestStart']
  /**
   * Tell in each response how many ms its request has waited for a thread.
   *
   * Allowed: 'off', 'x-queue-time' or 'server-timing'.
   * @default off
   */
  queueTimeHeader?: OptionInput['queueTimeHeader']
  /**
   * Where to read, on any interface, and give no orders: /metrics (Prometheus), /status.json, /live, /ready; a PORT alone is on every interface.
   *
   * Allowed: an address of its own: PORT, HOST:PORT, [V6]:PORT or unix:PATH.
   * @default nowhere
   */
  metrics?: OptionInput['metrics']
  /**
   * Where HAProxy's agent-check learns the share of idle threads, and when the pool drains; a PORT alone is on every interface.
   *
   * Allowed: an address of its own: PORT, HOST:PORT, [V6]:PORT or unix:PATH, not that of admin.
   * @default nowhere
   */
  agentCheck?: OptionInput['agentCheck']
  /**
   * Connections that may wait in the kernel per listener.
   *
   * Allowed: a whole number from 1 to 65535.
   * @default 1024
   */
  backlog?: OptionInput['backlog']
  /**
   * An IPv6 listener leaves IPv4 clients out.
   *
   * Allowed: true or false.
   */
  ipv6Only?: OptionInput['ipv6Only']
  /**
   * SO_REUSEPORT: other sockets of this user may have the same port, and the kernel spreads connections over all.
   *
   * Allowed: true or false.
   */
  reusePort?: OptionInput['reusePort']
  /**
   * Linux: accept a connection when its first bytes are there.
   *
   * Allowed: true or false.
   * @default on for HTTP
   */
  deferAccept?: OptionInput['deferAccept']
  /**
   * Serve https.
   *
   * Allowed: { key, cert } in PEM or as paths, with ca, passphrase, servername, minVersion, maxVersion, ciphers, requestCert, rejectUnauthorized or ALPNProtocols; or a list of these, told apart by the names in the certificates.
   */
  tls?: OptionInput['tls']
  /**
   * The private key for https:// addresses, in PEM; renewed when the file changes.
   *
   * Allowed: the path of a private key in PEM, or a list; as many as tlsCert, and without tls.
   */
  tlsKey?: OptionInput['tlsKey']
  /**
   * Its certificate, with the chain; several, each with its key, are chosen by the name that the client asks for.
   *
   * Allowed: the path of a certificate in PEM, or a list; as many as tlsKey, and without tls.
   */
  tlsCert?: OptionInput['tlsCert']
  /**
   * Connections begin with a PROXY header (v1 or v2) that tells the client; =ADDRESS for one listener only.
   *
   * Allowed: true, false, or a list of those addresses of listen that are behind such a proxy.
   */
  proxyProtocol?: OptionInput['proxyProtocol']
  /**
   * Rights of unix paths (default: 0777 without the umask); to connect takes the right to write.
   *
   * Allowed: a number from 0 to 0o777, or its octal digits as text, such as '0660'.
   */
  socketMode?: OptionInput['socketMode']
  /**
   * Owner of unix paths.
   *
   * Allowed: a name or a number from 0 to 4294967294.
   * @default who starts the pool
   */
  socketUser?: OptionInput['socketUser']
  /**
   * Group of unix paths.
   *
   * Allowed: a name or a number from 0 to 4294967294.
   * @default that of who starts the pool
   */
  socketGroup?: OptionInput['socketGroup']
  /**
   * Root only: as whom the children run; the parent stays root.
   *
   * Allowed: a name or a number from 0 to 4294967294.
   */
  user?: OptionInput['user']
  /**
   * Their group, beside the user's supplementary ones.
   *
   * Allowed: a name or a number from 0 to 4294967294, together with user.
   * @default the user's first one
   */
  group?: OptionInput['group']
  /**
   * Umask of the children, of unix paths and of the pid file.
   *
   * Allowed: a number from 0 to 0o777, or its octal digits as text, such as '027'.
   * @default as it is
   */
  umask?: OptionInput['umask']
  /**
   * A file that holds the pid of the parent while the pool serves.
   *
   * Allowed: a path.
   */
  pidFile?: OptionInput['pidFile']
  /**
   * Tell systemd when the pool is ready and stops, and feed its watchdog (if it asks for that).
   *
   * Allowed: true or false.
   */
  systemdNotify?: OptionInput['systemdNotify']
  /**
   * A flag for Node in the worker threads, such as --import=tsx.
   *
   * Allowed: a list of strings.
   */
  execArgv?: OptionInput['execArgv']
  /**
   * An environment variable for the worker threads.
   *
   * Allowed: an object of strings (NAME=VALUE on the command line).
   */
  env?: OptionInput['env']
  /**
   * For debugging: open the inspector (DevTools) of the thread that leads, and let handlers block.
   *
   * Allowed: a port from 0 to 65535, or HOST:PORT.
   * @default off; --inspect alone is 127.0.0.1:9229
   */
  inspect?: OptionInput['inspect']
  /**
   * A file with environment variables for the worker threads, read anew by a reload; the environment and env win over it.
   *
   * Allowed: the path of a file with lines NAME=value, or a list of them.
   */
  envFile?: OptionInput['envFile']
  /**
   * A limit of each worker thread's heap, as in node:worker_threads.
   *
   * Allowed: an object with maxOldGenerationSizeMb, maxYoungGenerationSizeMb, codeRangeSizeMb or stackSizeMb in MiB or as a text with a unit, 512M (NAME=SIZE on the command line).
   * @default maxOldGenerationSizeMb and maxYoungGenerationSizeMb such that all threads fit into the memory
   */
  resourceLimits?: OptionInput['resourceLimits']
}
