/**
 * Koa as its documentation starts it.
 *
 *   npx forkthread examples/programs/koa.js
 *   curl http://127.0.0.1:3000/
 */
import Koa from 'koa'

const app = new Koa()

app.use((ctx) => {
  ctx.body = 'Hello Koa'
})

app.listen(process.env.PORT ?? 3000)
