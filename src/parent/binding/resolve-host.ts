import { isIP } from 'node:net'
import { promisify } from 'node:util'
import { fail } from '../../shared/errors.js'
import { nodeDns } from '../../shared/node-modules.js'

/** The first address of a host name, as `net.Server.listen` takes it. @throws FT_ERR_HOST_NOT_FOUND */
export async function resolveHost(host: string): Promise<{ family: 4 | 6; address: string }> {
  const literal = isIP(host)
  if (literal !== 0) return { family: literal === 4 ? 4 : 6, address: host }
  try {
    const { address, family } = await promisify(nodeDns().lookup)(host)
    return { family: family === 4 ? 4 : 6, address }
  } catch (error) {
    throw fail('FT_ERR_HOST_NOT_FOUND', [host], error)
  }
}
