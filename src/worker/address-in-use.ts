import type { Asked } from './decide-adoption.js'

/** The error that Node's own attempt would have had. */
export function addressInUse(asked: Asked): Error {
  const at = asked.kind === 'unix' ? asked.path : `${asked.host ?? ':::'}:${asked.port}`
  const error = new Error(`listen EADDRINUSE: address already in use ${at}`)
  const where = asked.kind === 'unix' ? { address: asked.path } : { address: asked.host ?? '::' }
  const port = asked.kind === 'unix' ? {} : { port: asked.port }
  return Object.assign(error, {
    code: 'EADDRINUSE',
    errno: -98,
    syscall: 'listen',
    ...where,
    ...port,
  })
}
