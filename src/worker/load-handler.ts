import { Server } from 'node:net'
import { fileURLToPath } from 'node:url'
import type {
  ConnectionHandler,
  FetchHandler,
  HandlerContext,
  HandlerModule,
  RequestHandler,
  UpgradeHandler,
} from '../handler.js'
import { ForkthreadError, fail } from '../shared/errors.js'
import { importModule } from '../shared/import-module.js'
import { userStack } from '../shared/user-stack.js'

/** A handler module after the look at what it exports. */
export type LoadedHandler = {
  readonly setup: (context: HandlerContext) => unknown
  readonly teardown: () => unknown
} & (
  | { readonly kind: 'request'; readonly serve: RequestHandler; readonly upgrade?: UpgradeHandler }
  | { readonly kind: 'fetch'; readonly serve: FetchHandler; readonly upgrade?: UpgradeHandler }
  | { readonly kind: 'connection'; readonly serve: ConnectionHandler }
  /** A server that may not listen yet. */
  | { readonly kind: 'server'; readonly server: Server }
  /** No handler, so it has to be a program that listens. `found` says in words what it exports. */
  | { readonly kind: 'none'; readonly found: string }
)

/** Of what a module exports, in an error. */
const MOST_NAMES = 5

/**
 * Imports a handler module and tells which kind it is.
 * @throws FT_ERR_HANDLER_LOAD when the import fails
 */
export async function loadHandler(url: string): Promise<LoadedHandler> {
  let exported: HandlerModule
  try {
    exported = withCommonJsExports(await importModule<HandlerModule>(url))
  } catch (error) {
    throw asLoadError(url, error)
  }
  const hooks = {
    setup: isFunction(exported.setup) ? exported.setup : () => undefined,
    teardown: isFunction(exported.teardown) ? exported.teardown : () => undefined,
  }
  const upgrade = exported.upgrade === undefined ? {} : { upgrade: exported.upgrade }
  if (typeof exported.connection === 'function')
    return { kind: 'connection', serve: exported.connection, ...hooks }
  // A CommonJS module that was compiled from ESM has its default one level deeper.
  const main = unwrapDefault(exported.default)
  if (main instanceof Server) return { kind: 'server', server: main, ...hooks }
  // First the function: an Express app is one, and a Hono app is an object.
  if (typeof main === 'function')
    return { kind: 'request', serve: main as RequestHandler, ...upgrade, ...hooks }
  if (isFetchHandler(main)) return { kind: 'fetch', serve: main, ...upgrade, ...hooks }
  const names = Object.keys(exported)
  const shown = names.slice(0, MOST_NAMES).map(describe(exported)).join(', ')
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : ''
  const found = names.length === 0 ? 'nothing' : `only ${shown}${more}`
  return { kind: 'none', found, ...hooks }
}

/** Runs `setup`; its failure is one of loading. */
export async function setUpHandler(
  url: string,
  handler: LoadedHandler,
  context: HandlerContext,
): Promise<void> {
  try {
    await handler.setup(context)
  } catch (error) {
    throw asLoadError(url, error)
  }
}

export function pathOf(url: string): string {
  return url.startsWith('file:') ? fileURLToPath(url) : url
}

/** Errors of ours, such as what `cluster.fork` throws, say all themselves. */
function asLoadError(url: string, error: unknown): ForkthreadError {
  if (error instanceof ForkthreadError) return error
  return fail('FT_ERR_HANDLER_LOAD', [pathOf(url), reasonOf(error)], error)
}

/**
 * Node finds most names of a CommonJS module by reading its source, but not those of `module.exports = { setup() {} }`:
 * they are properties of the default export only.
 */
function withCommonJsExports(exported: HandlerModule): HandlerModule {
  const main: unknown = exported.default
  if (typeof main !== 'object' || main === null) return exported
  if (isFetchHandler(main) || main instanceof Server) return exported
  return { ...main, ...exported }
}

function unwrapDefault(value: unknown): unknown {
  const inner = (value as { default?: unknown } | null | undefined)?.default
  const isHandler = typeof inner === 'function' || isFetchHandler(inner) || inner instanceof Server
  return isHandler ? inner : value
}
/** A program may export whatever it likes under these names. */
function isFunction<T>(value: T): value is T & ((...args: never[]) => unknown) {
  return typeof value === 'function'
}

function isFetchHandler(value: unknown): value is FetchHandler {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { fetch?: unknown }).fetch === 'function'
  )
}

function describe(exported: object): (name: string) => string {
  return (name) => `${name} (${typeof (exported as Record<string, unknown>)[name]})`
}

function reasonOf(error: unknown): string {
  // Node keeps the place of a syntax error to itself until it prints one that nobody has caught.
  if (error instanceof SyntaxError) return `${error.message} (node --check FILE shows the place)`
  return userStack(error)
}
