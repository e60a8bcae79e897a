/** What steers a terminal, turns its writing direction, or has no form: none of it comes from a client to a person's screen. */
const STEERS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/gu
const LIES_ON_THE_ONE_BEFORE = /^[\p{Mn}\p{Me}]$/u
const IS_WIDE =
  /^[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]$/u
const IS_ASCII = /^[ -~]*$/

/** The text on one line, without what would steer the terminal: a `?` stands in its place. */
export function plainText(text: string): string {
  return IS_ASCII.test(text) ? text : text.replace(STEERS, '?')
}

/** Columns that a plain text takes on a terminal. */
export function columnsOf(text: string): number {
  if (IS_ASCII.test(text)) return text.length
  let columns = 0
  for (const character of text) columns += columnsOfOne(character)
  return columns
}

/** As much of a plain text as `columns` hold; what is left out shows as `…`. */
export function cut(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text
  if (columns <= 0) return ''
  let kept = ''
  let room = columns - 1
  for (const character of text) {
    room -= columnsOfOne(character)
    if (room < 0) break
    kept += character
  }
  return `${kept}…`
}

function columnsOfOne(character: string): number {
  if (LIES_ON_THE_ONE_BEFORE.test(character)) return 0
  return IS_WIDE.test(character) ? 2 : 1
}
