import { fileURLToPath } from 'node:url'
import type {
  ConnectionHandler,
  FetchHandler,
  HandlerContext,
  HandlerModule,
  RequestHandler,
  UpgradeHandler,
} from '../handler.js'
import { fail } from '../shared/errors.js'

/** A handler module after the look at what it exports. */
export type LoadedHandler = {
  readonly setup: (context: HandlerContext) => unknown
  readonly teardown: () => unknown
} & (
  | { readonly kind: 'request'; readonly serve: RequestHandler; readonly upgrade?: UpgradeHandler }
  | { readonly kind: 'fetch'; readonly serve: FetchHandler; readonly upgrade?: UpgradeHandler }
  | { readonly kind: 'connection'; readonly serve: ConnectionHandler }
)

/**
 * Imports a handler module and tells which kind it is.
 * @throws FT_ERR_HANDLER_LOAD when the import fails, FT_ERR_HANDLER_EXPORT when it exports no handler
 */
export async function loadHandler(url: string): Promise<LoadedHandler> {
  const path = url.startsWith('file:') ? fileURLToPath(url) : url
  let exported: HandlerModule
  try {
    exported = withCommonJsExports((await import(url)) as HandlerModule)
  } catch (error) {
    throw fail('FT_ERR_HANDLER_LOAD', [path, reasonOf(error)], error)
  }
  const hooks = {
    setup: exported.setup ?? (() => undefined),
    teardown: exported.teardown ?? (() => undefined),
  }
  const upgrade = exported.upgrade === undefined ? {} : { upgrade: exported.upgrade }
  if (typeof exported.connection === 'function')
    return { kind: 'connection', serve: exported.connection, ...hooks }
  // A CommonJS module that was compiled from ESM has its default one level deeper.
  const main = unwrapDefault(exported.default)
  // First the function: an Express app is one, and a Hono app is an object.
  if (typeof main === 'function')
    return { kind: 'request', serve: main as RequestHandler, ...upgrade, ...hooks }
  if (isFetchHandler(main)) return { kind: 'fetch', serve: main, ...upgrade, ...hooks }
  const names = Object.keys(exported)
  const found = names.length === 0 ? 'nothing' : `only ${names.map(describe(exported)).join(', ')}`
  throw fail('FT_ERR_HANDLER_EXPORT', [path, found])
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
    const path = url.startsWith('file:') ? fileURLToPath(url) : url
    throw fail('FT_ERR_HANDLER_LOAD', [path, reasonOf(error)], error)
  }
}

/**
 * Node finds most names of a CommonJS module by reading its source, but not those of `module.exports = { setup() {} }`:
 * they are properties of the default export only.
 */
function withCommonJsExports(exported: HandlerModule): HandlerModule {
  const main: unknown = exported.default
  if (typeof main !== 'object' || main === null || isFetchHandler(main)) return exported
  return { ...main, ...exported }
}

function unwrapDefault(value: unknown): unknown {
  const inner = (value as { default?: unknown } | null | undefined)?.default
  return typeof inner === 'function' || isFetchHandler(inner) ? inner : value
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
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
