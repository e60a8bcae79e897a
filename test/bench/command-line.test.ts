import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseCommandLine } from './command-line.js'
import { loadNames, quickLoads } from './loads/all.js'
import { peerNames } from './peers/all.js'

test('everything is measured, unless something is named', () => {
  const options = parseCommandLine([])
  assert.equal(options?.loads, loadNames)
  assert.equal(options?.sections, ['ready', 'share', 'lean', 'growth'])
  assert.equal(options?.peers, peerNames)
  assert.equal(parseCommandLine(['--quick'])?.loads, quickLoads)
})

test('names are divided by commas or options; sections are among them', () => {
  const options = parseCommandLine(['--only', 'fixed,growth', '--only', 'echo', '--peers', 'puma'])
  assert.equal(options?.loads, ['fixed', 'echo'])
  assert.equal(options?.sections, ['growth'])
  assert.equal(options?.peers, ['puma'])
  assert.equal(parseCommandLine(['--peers', 'none'])?.peers, [])
})

test('pools have a size and options', () => {
  const options = parseCommandLine([
    ...['--pool', '4x1', '--pool', '1x2 adopted --keep-alive pin'],
    ...['--pool', '2x2 --accept-mutex flock'],
  ])
  assert.equal(options?.pools, [
    { processes: 4, threads: 1, options: [] },
    { processes: 1, threads: 2, options: ['--keep-alive', 'pin'], isAdopted: true },
    { processes: 2, threads: 2, options: ['--accept-mutex', 'flock'] },
  ])
})

test('help is no error', () => {
  assert.is(parseCommandLine(['--help']), undefined)
})

for (const [args, pattern] of [
  [['--only', 'nonsense'], /--only nonsense.*fixed/],
  [['--peers', 'nginx'], /--peers nginx.*cluster-rr/],
  [['--pool', 'large'], /--pool large.*PROCESSESxTHREADS/],
  [['--load', '100'], /--load 100.*percent/],
  [['--rounds', '0'], /--rounds 0.*whole number/],
  [['--seconds', '-1'], /--seconds/],
  [['--what'], /--what/],
] as const) {
  test(`wrong usage says what is wanted: ${args.join(' ')}`, () => {
    assert.throws(() => parseCommandLine(args), pattern)
  })
}

test.run()
