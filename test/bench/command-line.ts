import { parseArgs } from 'node:util'

export const usage = `usage: node build/test/bench/http.js [--quick] [--only NAME]... [--seconds S] [--rounds N] [--json FILE]
  --quick       a look in two minutes: fewer and shorter rounds
  --only NAME   only this server or this load; may be given several times
  --seconds S   length of one measurement, whole seconds
  --rounds N    how often each measurement is repeated
  --json FILE   also write every measurement and the machine's description`

export interface BenchOptions {
  readonly only: readonly string[]
  readonly seconds: number
  readonly rounds: number
  readonly warmUpSeconds: number
  readonly json: string | undefined
}

const thorough = { seconds: 1, rounds: 20, warmUpSeconds: 2 }
const quick = { seconds: 1, rounds: 4, warmUpSeconds: 1 }

/** Throws an Error that says what was wrong; `names` are the servers and loads there are. */
export function parseCommandLine(args: readonly string[], names: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      json: { type: 'string' },
    },
  })
  const unknown = values.only.find((name) => !names.includes(name))
  if (unknown !== undefined) {
    throw new Error(
      `--only ${unknown}: there is no such server or load; one of ${names.join(', ')}`,
    )
  }
  const preset = values.quick ? quick : thorough
  return {
    only: values.only,
    seconds: wholeNumber('--seconds', values.seconds) ?? preset.seconds,
    rounds: wholeNumber('--rounds', values.rounds) ?? preset.rounds,
    warmUpSeconds: preset.warmUpSeconds,
    json: values.json,
  }
}

/** Undefined when not given. Throws an Error that says what is wanted. */
export function wholeNumber(option: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  if (!/^[1-9]\d*$/.test(given)) {
    throw new Error(`${option} ${given}: a whole number from 1 on is wanted`)
  }
  return Number(given)
}
