/**
 * A WebSocket server by ws, as its documentation starts one. A WebSocket belongs to the thread that took it; when that is to leave,
 * SIGTERM says so, and the clients are asked to come back.
 *
 *   npx forkthread examples/programs/ws.js
 */
import { WebSocketServer } from 'ws'

const wss = new WebSocketServer({ port: Number(process.env.PORT ?? 3000) })

wss.on('connection', (ws) => {
  ws.on('error', console.error)
  ws.on('message', (data) => ws.send(`received: ${data}`))
  ws.send('something')
})

// 1001: going away.
process.on('SIGTERM', () => {
  for (const client of wss.clients) client.close(1001)
})
