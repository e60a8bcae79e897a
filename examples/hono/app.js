/**
 * A handler for the Fetch API: the default export has a method fetch(request) that returns a
 * Response. A Hono app has one, so the file that runs on Deno, Bun or a CDN's workers runs here too.
 *
 *   npx forkthread examples/hono/app.js --listen 8080 --processes 1:4 --threads 2:8
 *   curl http://127.0.0.1:8080/hello/Ada
 *   curl -N http://127.0.0.1:8080/countdown
 */
import { Hono } from 'hono'
import { streamText } from 'hono/streaming'

const app = new Hono()

app.get('/', (c) => c.text('Hello from Hono\n'))

app.get('/hello/:name', (c) => c.json({ hello: c.req.param('name') }))

app.post('/upper', async (c) => c.text((await c.req.text()).toUpperCase()))

// A reply that takes a while but waits all the time: the thread serves others meanwhile.
app.get('/countdown', (c) =>
  streamText(c, async (stream) => {
    for (let count = 3; count > 0; count--) {
      await stream.writeln(`${count}`)
      await stream.sleep(100)
    }
    await stream.writeln('lift-off')
  }),
)

export default app
