/**
 * An Express 5 app is a function (req, res), so it is a handler as it stands: export it instead of
 * calling listen(). What it keeps in memory belongs to one worker thread; what all of them share
 * (sessions, counters) belongs in a store outside, as with any number of servers.
 *
 *   npx forkthread examples/express/app.js --listen 8080 --processes 1:4 --threads 2:8
 *   curl http://127.0.0.1:8080/hello/Ada
 *   curl http://127.0.0.1:8080/sum -H 'content-type: application/json' -d '[1, 2, 3]'
 */
import express from 'express'

const app = express()
app.disable('x-powered-by')

app.get('/', (_req, res) => {
  res.send('Hello from Express\n')
})

app.get('/hello/:name', (req, res) => {
  res.json({ hello: req.params.name })
})

app.post('/sum', express.json(), (req, res) => {
  /** @type {unknown} */
  const numbers = req.body
  if (!Array.isArray(numbers) || !numbers.every((number) => typeof number === 'number')) {
    res.status(400).json({ error: 'send a JSON array of numbers' })
    return
  }
  res.json({ sum: numbers.reduce((sum, number) => sum + number, 0) })
})

export default app
