/**
 * Fastify as its documentation starts it.
 *
 *   npx forkthread examples/programs/fastify.js
 *   curl http://127.0.0.1:3000/
 */
import Fastify from 'fastify'

const fastify = Fastify()

fastify.get('/', async () => ({ hello: 'world' }))

await fastify.listen({ port: Number(process.env.PORT ?? 3000) })

// Whatever Fastify is to do at the end: the thread's leave is told as a signal tells a process.
process.on('SIGTERM', async () => {
  await fastify.close()
  process.exit()
})
