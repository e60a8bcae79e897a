/**
 * Socket.IO as its documentation starts it, with WebSockets only: its long polling needs all requests of a client in one thread, and a
 * pool of threads is no sticky balancer.
 *
 *   npx forkthread examples/programs/socket-io.js
 */
import { createServer } from 'node:http'
import { Server } from 'socket.io'

const httpServer = createServer((_req, res) => {
  res.end('<script src="/socket.io/socket.io.js"></script>\n')
})
const io = new Server(httpServer, { transports: ['websocket'] })

io.on('connection', (socket) => {
  socket.on('hello', (name, answer) => answer(`Hello ${name}`))
})

httpServer.listen(process.env.PORT ?? 3000)

process.on('SIGTERM', () => io.close())
