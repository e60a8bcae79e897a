/** The code of README.md, CONTRIBUTING.md and docs/*.md: blocks with their language, and commands wherever they stand. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from './paths.js'

export interface CodeBlock {
  /** Such as `docs/tls.md:12`. */
  readonly place: string
  /** Empty if the block names none. */
  readonly language: string
  readonly text: string
}

export interface Command {
  readonly place: string
  readonly text: string
}

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(packageRoot, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
].map((name) => ({ name, lines: readFileSync(join(packageRoot, name), 'utf8').split('\n') }))

/** Code that is a command, and not the name of one: it has an argument. */
const COMMAND =
  /^(?:[A-Z_]+=\S+ )*(?:npx|npm|node|forkthread|curl|docker|kubectl|systemctl|systemd-[a-z-]+|kill(?= -)) [^\d]/

function readBlocks(): CodeBlock[] {
  const blocks: CodeBlock[] = []
  for (const { name, lines } of pages) {
    let open: { readonly line: number; readonly language: string } | undefined
    for (const [line, text] of lines.entries()) {
      if (!text.startsWith('```')) continue
      if (open !== undefined) {
        const body = lines.slice(open.line + 1, line).join('\n')
        blocks.push({ place: `${name}:${open.line + 1}`, language: open.language, text: body })
      }
      open = open === undefined ? { line, language: text.slice(3) } : undefined
    }
  }
  return blocks
}

export const codeBlocks: readonly CodeBlock[] = readBlocks()

/** Of shells, and of what a terminal shows: there the lines behind a `$`. */
function blockCommands({ place, language, text }: CodeBlock): Command[] {
  const lines = text.split('\n')
  if (language === 'sh') return lines.map((line) => ({ place, text: line }))
  if (language !== 'console') return []
  return lines.flatMap((line) =>
    line.startsWith('$ ') ? [{ place, text: line.slice('$ '.length) }] : [],
  )
}

function inlineCommands(): Command[] {
  return pages.flatMap(({ name, lines }) =>
    lines.flatMap((line, index) =>
      [...line.matchAll(/`([^`]+)`/g)]
        .map(([, text = '']) => ({ place: `${name}:${index + 1}`, text }))
        .filter(({ text }) => COMMAND.test(text)),
    ),
  )
}

/** Each once, without comments, `a && b` as two. */
function readCommands(): Command[] {
  const found = new Map<string, Command>()
  for (const { place, text } of [...codeBlocks.flatMap(blockCommands), ...inlineCommands()]) {
    for (const part of text.replace(/\s+#.*$/, '').split(' && ')) {
      const command = part.trim()
      if (command !== '' && !found.has(command)) found.set(command, { place, text: command })
    }
  }
  return [...found.values()]
}

export const commands: readonly Command[] = readCommands()

/** Whether a line looks like a command, in a block that is none of a shell. */
export const isCommand = (line: string): boolean => COMMAND.test(line)

/** The words of a command as a shell would have them: quotes hold together. */
export function words(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
}

/** What a command sets for itself, as in `NAME=value forkthread …`. */
export function environmentOf({ text }: Command): Record<string, string> {
  const [, name, value = ''] = /^([A-Z_]+)=(\S+) /.exec(text) ?? []
  return name === undefined ? {} : { [name]: value }
}
