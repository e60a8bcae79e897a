/**
 * Raw TCP: a module that exports connection(socket) gets every connection as a net.Socket and speaks
 * whatever protocol it likes. This one sends back what it receives (RFC 862) and works on a
 * unix socket just as well.
 *
 *   npx forkthread examples/echo/app.js --listen 127.0.0.1:9000 --listen unix:/tmp/echo.sock
 *   printf 'hello\n' | nc -N 127.0.0.1 9000
 */

/** @param {import('node:net').Socket} socket */
export function connection(socket) {
  // A client that resets its connection is no news, but without a listener the error would end the thread.
  socket.on('error', () => socket.destroy())
  socket.pipe(socket)
}
