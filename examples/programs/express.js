/**
 * An Express app as its documentation starts one: with app.listen(). Nothing in it knows of forkthread.
 *
 *   npx forkthread examples/programs/express.js
 *   curl http://127.0.0.1:3000/
 */
import express from 'express'

const app = express()
const port = process.env.PORT ?? 3000

app.get('/', (_req, res) => {
  res.send('Hello World!')
})

app.listen(port, () => {
  console.log(`Example app listening on port ${port}`)
})
