/** When each error comes, for docs/errors.md; what it says stands in src/shared/errors.ts. Codes that come together have one text. */
export const when = [
  [['FT_ERR_PLATFORM'], 'the system is neither Linux nor macOS'],
  [['FT_ERR_OPTION', 'FT_ERR_OPTION_UNKNOWN'], 'a wrong value; a name that is no option'],
  [['FT_ERR_USAGE'], "the command line can't be understood"],
  [['FT_ERR_CONFIG'], 'the configuration file is missing, fails, or exports no options'],
  [['FT_ERR_ENV_FILE'], "a file of `envFile` is missing or can't be read"],
  [['FT_ERR_EXEC_ARGV'], 'Node makes no thread with these `execArgv`, or with this `NODE_OPTIONS`'],
  [
    ['FT_ERR_CHANNEL_FULL', 'FT_ERR_CHANNEL_DATA'],
    "`postMessage` of a [channel](channel.md): too much waits to be sent; the message can't be cloned",
  ],
  [['FT_ERR_ADDRESS'], '`listen` has something that is no address'],
  [
    ['FT_ERR_TLS'],
    'a key or certificate is missing, of no use, or does not fit the other; or an `https://` address would be served in clear',
  ],
  [['FT_ERR_HOST_NOT_FOUND'], 'a host name does not resolve'],
  [['FT_ERR_ADDRESS_IN_USE'], 'another socket has the port or the unix path'],
  [['FT_ERR_ADDRESS_DENIED'], 'this user may not bind it'],
  [['FT_ERR_ADDRESS_NOT_LOCAL'], 'the address is not one of this machine'],
  [['FT_ERR_SOCKET_PATH'], 'a unix path is too long, has no folder, or is another kind of file'],
  [['FT_ERR_SOCKET_RIGHTS'], "a unix path can't get the owner or mode that was asked for"],
  [
    ['FT_ERR_ADDRESS_INHERITED'],
    '`fd:N` or `systemd` names something that is no listening stream socket',
  ],
  [
    ['FT_ERR_SYSTEMD_SOCKETS'],
    'systemd has not passed sockets to this process, or none of that name',
  ],
  [['FT_ERR_ACCOUNT'], 'there is no such user or group'],
  [['FT_ERR_PRIVILEGES'], "the children can't run as `user`: it needs root, or the change failed"],
  [['FT_ERR_PID_FILE'], "the pid file can't be written, or is no pid file"],
  [['FT_ERR_PID_FILE_HELD'], 'another pool that runs has the pid file'],
  [
    ['FT_ERR_LOCK_FOLDER'],
    'the folder for temporary files, where the lock file goes, is on a network file system',
  ],
  [['FT_ERR_HANDLER_NOT_FOUND'], 'there is no such file'],
  [['FT_ERR_HANDLER_LOAD'], 'the handler module, or its `setup`, threw; `cause` is what it threw'],
  [['FT_ERR_HANDLER_EXPORT'], 'the module exports none of the three kinds'],
  [
    ['FT_ERR_HANDLER'],
    'a handler failed for one request or connection (`error` event; the first ten of a second in each thread)',
  ],
  [['FT_ERR_START_TIMEOUT'], 'a child, or a thread of it, was not ready within `startTimeout`'],
  [
    ['FT_ERR_CHILD_DIED'],
    'a child died: during the start from `createPool`, later as an `error` event',
  ],
  [
    ['FT_ERR_CHILD_STUCK'],
    'the `cause` of a `FT_ERR_CHILD_DIED`: the child gave no sign of life while connections waited, and was killed',
  ],
  [
    ['FT_ERR_CHILD_CHANNEL'],
    'such a `cause`, too: code in the child has written to its channel to the parent, or closed it',
  ],
  [['FT_ERR_THREAD_DIED'], 'a thread died (`error` event); `cause` is what it died of'],
  [
    ['FT_ERR_THREAD_BLOCKED'],
    "such a cause: the thread's event loop did not turn for `blockedTimeout`; its `stack` is where it hung",
  ],
  [
    ['FT_ERR_THREAD_KILLED'],
    'such a cause: an order (`kill`) has ended the thread; its `stack` is where it was',
  ],
  [
    ['FT_ERR_NO_POOL'],
    "a command was given no address, and none of this user's pools runs here, or several do",
  ],
  [
    ['FT_ERR_PARKER_DIED'],
    'the thread of a child that looks after parked connections died and is started again',
  ],
  [
    ['FT_ERR_DRAIN_TIMEOUT'],
    'a process or thread was to leave, had not finished after `drainTimeout`, and was cut off: planned, no death',
  ],
  [
    ['FT_ERR_ADMIN'],
    '`forkthread status` and the orders: nobody answers at the admin address, or with a refusal',
  ],
  [
    ['FT_ERR_OPTION_FIXED'],
    "a reload brings a value that a running pool can't take up, such as another `listen`: `upgrade` can",
  ],
  [
    ['FT_ERR_RELOAD'],
    'the first process of a reload did not stay up for `canaryTime`; the old ones go on',
  ],
  [
    ['FT_ERR_RELOAD_HALFWAY'],
    'later processes of a reload failed to start, again and again; some old ones go on',
  ],
  [
    ['FT_ERR_UPGRADE'],
    'the new parent failed, or did not stay up for `canaryTime`; the old one goes on. `cause` is what it failed of',
  ],
  [
    ['FT_ERR_CLOSED'],
    '`stats()` of a closed pool; `resize()`, `reload()`, `upgrade()` of one that does not serve',
  ],
  [
    ['FT_ERR_ACCESS_LOG'],
    "the access log can't be opened, at the start or when it was to be opened anew",
  ],
  [
    ['FT_ERR_OUTPUT_LOST'],
    'lines could not be written (reader stalled, disk full); says how many, when output works again or at the end',
  ],
  [
    ['FT_ERR_SYSTEM'],
    'a call of the system failed, with its name and error (`accept failed with EMFILE`)',
  ],
  [
    ['FT_ERR_LOCK_HELD', 'FT_ERR_LOCK_NOT_HELD'],
    'an internal lock was misused: a bug in forkthread',
  ],
  [['FT_ERR_LISTEN'], 'a [program](programs.md) listens where the pool does not'],
  [['FT_ERR_CLUSTER'], 'the code in a thread calls `cluster.fork()`'],
  [
    ['FT_ERR_THREAD_EXIT'],
    'the `cause` of a `FT_ERR_THREAD_DIED`: the code in a thread has called `process.exit()`',
  ],
]
