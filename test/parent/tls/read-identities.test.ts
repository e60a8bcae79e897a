/** Keys and certificates: where they may come from, and that an error names the one that is of no use. */
import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { TlsOption } from '#dist/options/tls-options.js'
import { filesOf, readIdentities } from '#dist/parent/tls/read-identities.js'
import { ForkthreadError } from '#dist/shared/errors.js'
import { local, one, two } from '../../support/certificates.js'
import { tempFolder } from '../../support/temp-folder.js'

function refusal(options: readonly TlsOption[]): string {
  try {
    readIdentities(options)
  } catch (error) {
    assert.instance(error, ForkthreadError)
    assert.is((error as ForkthreadError).code, 'FT_ERR_TLS')
    return (error as Error).message
  }
  throw new Error('it was taken')
}

test('PEM as text or bytes, paths and URLs are all the same', () => {
  using folder = tempFolder()
  writeFileSync(folder.file('key.pem'), local.key)
  writeFileSync(folder.file('cert.pem'), local.cert)
  const url = (name: string) => pathToFileURL(folder.file(name))
  const ways: TlsOption[] = [
    { key: local.key, cert: local.cert },
    { key: Buffer.from(local.key), cert: Buffer.from(local.cert) },
    { key: folder.file('key.pem'), cert: folder.file('cert.pem') },
    { key: url('key.pem'), cert: url('cert.pem') },
  ]
  for (const way of ways) {
    const { identities } = readIdentities([way])
    assert.is(identities[0]?.key, local.key)
    assert.is(identities[0]?.cert, local.cert)
  }
  assert.equal(
    ways.map((way) => filesOf([way]).length),
    [0, 0, 2, 2],
  )
})

test('the names are those of the certificate, unless others are given', () => {
  const names = (option: Partial<TlsOption>) =>
    readIdentities([{ ...one, ...option }]).identities[0]?.servernames
  assert.equal(names({}), ['one.test', '*.one.test'])
  assert.equal(names({ servername: 'Else.TEST' }), ['else.test'])
  assert.equal(names({ servername: ['a', 'b'] }), ['a', 'b'])
})

test('an error names what is of no use, and shows no key', () => {
  using folder = tempFolder()
  const missing = folder.file('missing.pem')
  const broken = folder.file('broken.pem')
  writeFileSync(broken, local.key.slice(0, 60))
  assert.ok(refusal([{ key: missing, cert: local.cert }]).includes(missing))
  assert.ok(refusal([{ key: local.key, cert: missing }]).includes(missing))
  assert.ok(refusal([{ key: broken, cert: local.cert }]).includes(broken))
  assert.ok(refusal([{ key: local.key, cert: broken }]).includes(broken))
  assert.ok(refusal([{ ...local, ca: missing }]).includes(missing))
  const other = refusal([local, { key: one.key, cert: two.cert }])
  assert.match(other, /cert 2 can't be used: it is not the certificate of the key key 2/)
  assert.not.match(other, /BEGIN/)
  refusal([{ ...local, ciphers: 'NONE-OF-THESE' }])
})

test.run()
