/** Which kernel this is, as far as it matters. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isAtLeast } from '#dist/sys/kernel.js'

test('releases are compared as numbers', () => {
  for (const release of ['5.8', '5.8.0', '5.14.0-70.el9.x86_64', '5.10.0-rc1', '6.1.0', '10.0.1'])
    assert.ok(isAtLeast(release, [5, 8]), release)
  for (const release of ['5.7.19', '4.18.0-553.el8_10.x86_64', '4.4.0', '5', '', 'x'])
    assert.not(isAtLeast(release, [5, 8]), release)
})

test.run()
