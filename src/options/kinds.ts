import * as z from 'zod/mini'

// What several options take. By the small face of zod: the large one gives each schema some fifty methods, and every start would wait for that.

export function whole(least: number, most: number = Number.MAX_SAFE_INTEGER) {
  return z.int().check(z.minimum(least), z.maximum(most))
}

/** Not empty. */
export function text() {
  return z.string().check(z.minLength(1))
}

export function form(pattern: RegExp) {
  return z.string().check(z.regex(pattern))
}

/** A number as it is, or written in another form. */
export function number(
  schema: z.ZodMiniType<number, number>,
  pattern: RegExp,
  parse: (text: string) => number,
) {
  return z.union([schema, z.pipe(z.pipe(form(pattern), z.transform(parse)), schema)])
}

/** At least one, and no more than that. */
export function list<T extends z.ZodMiniType>(schema: T, most: number) {
  return z.array(schema).check(z.minLength(1), z.maxLength(most))
}

/** One alone is a list of one. */
export function oneOrList<T extends z.ZodMiniType>(schema: T, most: number) {
  const alone = z.transform((one: z.output<T>) => [one])
  return z.union([z.pipe(schema, alone), list(schema, most)])
}
