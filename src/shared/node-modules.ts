import type * as Crypto from 'node:crypto'
import type * as Dns from 'node:dns'
import type * as Http from 'node:http'
import type * as Http2 from 'node:http2'
import type * as Https from 'node:https'
import type * as Inspector from 'node:inspector'
import { createRequire } from 'node:module'
import type * as Tls from 'node:tls'

// Modules of Node that cost something to load, each loaded where it is first wanted. An import stands for every isolate; and one of
// `node:http` reads each export, from Node 22 on also those that load undici at the first look (`WebSocket`): 18 ms and 3 MiB.

const load = createRequire(import.meta.url)

export const nodeCrypto = (): typeof Crypto => load('node:crypto')
export const nodeDns = (): typeof Dns => load('node:dns')
export const nodeHttp = (): typeof Http => load('node:http')
export const nodeHttps = (): typeof Https => load('node:https')
export const nodeHttp2 = (): typeof Http2 => load('node:http2')
export const nodeInspector = (): typeof Inspector => load('node:inspector')
export const nodeTls = (): typeof Tls => load('node:tls')
