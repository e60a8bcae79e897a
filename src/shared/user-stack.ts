import { dirname } from 'node:path'
import { entryFile } from './entry-files.js'

const FRAME = /^\s+at /

/** Those of Node, of this package and of piscina say nothing to who looks for a mistake in an app. */
function isForeign(line: string): boolean {
  return (
    line.includes('node:internal/') ||
    line.includes('/node_modules/piscina/') ||
    line.includes(ownFolder())
  )
}

let own: string | undefined
function ownFolder(): string {
  own ??= `${dirname(dirname(entryFile('child/main.cjs')))}/`
  return own
}

/** What an error of an app's code says, with the frames of its stack that are the app's or those of what it uses. */
export function userStack(error: unknown): string {
  if (!(error instanceof Error)) return textOf(error)
  const { stack, message } = error
  if (typeof stack !== 'string') return textOf(message)
  return stack
    .split('\n')
    .filter((line) => !FRAME.test(line) || !isForeign(line))
    .join('\n')
}

/** Anything can be thrown, also what can't be made a text. */
export function textOf(thrown: unknown): string {
  try {
    return String(thrown)
  } catch {
    return `something that can't be shown (${typeof thrown})`
  }
}
