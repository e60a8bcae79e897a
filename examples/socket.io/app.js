/**
 * Socket.IO with rooms over all threads: whoever says something in a room is heard by everybody in it, whichever thread they are
 * connected to. WebSockets only, since long polling needs all requests of a client in one thread.
 *
 *   npx forkthread examples/socket.io/app.js --processes 2 --threads 2
 */
import { createServer } from 'node:http'
import { context } from 'forkthread/handler'
import { Server } from 'socket.io'
import { ChannelAdapter } from './adapter.js'

const server = createServer((_, response) => response.end('Socket.IO\n'))
const io = new Server(server, {
  transports: ['websocket'],
  adapter: ChannelAdapter,
})

io.on('connection', (socket) => {
  socket.on('where', (answer) => answer(`${context.process}.${context.thread}`))
  socket.on('join', async (room, answer) => {
    await socket.join(room)
    answer()
  })
  socket.on('say', (room, text) => io.to(room).emit('said', text))
})

process.on('SIGTERM', () => io.close())
server.listen(process.env.PORT ?? 3000)
