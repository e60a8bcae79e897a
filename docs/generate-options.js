/**
 * Writes src/options/documented-options.ts: what each option means, what is allowed and its default, where an editor shows it on hover.
 * All of it stands in the schema. Run it by `npm run docs` when an option has changed.
 */
import { writeFileSync } from 'node:fs'
import { metaOf, optionNames } from '../dist/options/schema.js'

/** Of this machine, or of whoever runs it: it would differ elsewhere. */
const plain = (text) => text.replace(/ \(default here: [^)]*\)/, '')

const members = optionNames.map((name) => {
  const { meaning, allowed } = metaOf(name)
  const [, byDefault] = /\(default: (.*)\)$/.exec(meaning) ?? []
  const text = plain(meaning).replace(/ \(default: .*\)$/, '')
  return [
    '  /**',
    `   * ${text.charAt(0).toUpperCase()}${text.slice(1)}.`,
    '   *',
    `   * Allowed: ${allowed}.`,
    ...(byDefault === undefined ? [] : [`   * @default ${byDefault}`]),
    '   */',
    `  ${name}${name === 'handler' ? '' : '?'}: OptionInput['${name}']`,
  ].join('\n')
})

writeFileSync(
  new URL('../src/options/documented-options.ts', import.meta.url),
  `// Written by docs/generate-options.js from the schema: \`npm run docs\`.
import type { OptionInput } from './schema.js'

/** The options with what editors show of them. */
export interface DocumentedOptions {
${members.join('\n')}
}
`,
)
