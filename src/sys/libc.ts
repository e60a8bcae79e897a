import { getSystemErrorName } from 'node:util'
import { fail } from '../shared/errors.js'
import { koffi } from './koffi.js'

/**
 * The C library of this process. `koffi.load(null)` asks the dynamic linker for symbols that are
 * loaded already, so it finds libc on glibc, musl and macOS alike, whatever its file is called.
 */
const library = koffi.load(null)

/** A C function, called in this thread; a blocking one blocks the thread. */
export type CFunction<Args extends readonly unknown[], Result> = (...args: Args) => Result

/** Declares a C function by its prototype. */
export function declare<Args extends readonly unknown[], Result = number>(
  prototype: string,
): CFunction<Args, Result> {
  return library.func(prototype) as unknown as CFunction<Args, Result>
}

/** Declares a C function that only some systems have: `undefined` where it is missing. */
export function declareOptional<Args extends readonly unknown[], Result = number>(
  prototype: string,
): CFunction<Args, Result> | undefined {
  try {
    return declare<Args, Result>(prototype)
  } catch {
    return undefined
  }
}

/** The error number that the last C call of this thread left. Read it right after the call. */
export function errno(): number {
  return koffi.errno()
}

/** `ENOENT` for the number of it on this system. */
export function errnoName(number: number): string {
  try {
    return getSystemErrorName(-number)
  } catch {
    return `errno ${number}`
  }
}

/** Passes a result of 0 or more on; throws FT_ERR_SYSTEM for a negative one. */
export function check(result: number, call: string, context: string): number {
  if (result >= 0) return result
  throw systemError(call, context)
}

/** FT_ERR_SYSTEM with the error that the last C call of this thread left. */
export function systemError(call: string, context: string): Error {
  const name = errnoName(errno())
  return fail(
    'FT_ERR_SYSTEM',
    [call, name, context],
    Object.assign(new Error(name), { code: name }),
  )
}

/** The name of the system error behind a `FT_ERR_SYSTEM`, such as `EADDRINUSE`. */
export function systemErrorName(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined
  const code = (cause as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : undefined
}
