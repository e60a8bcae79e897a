/**
 * Two servers in one program: HTTPS, and HTTP/2 with HTTP/1.1 beside it. Each gets the connections of its own port.
 *
 *   KEY=key.pem CERT=cert.pem npx forkthread examples/programs/https-http2.js --listen 8443 --listen 9443
 *   curl -k https://127.0.0.1:8443/ https://127.0.0.1:9443/
 */
import { readFileSync } from 'node:fs'
import http2 from 'node:http2'
import https from 'node:https'

const key = readFileSync(process.env.KEY ?? 'key.pem')
const cert = readFileSync(process.env.CERT ?? 'cert.pem')
const [first = 8443, second = 9443] = process.argv.slice(2).map(Number)

https
  .createServer({ key, cert }, (_req, res) => {
    res.end('Hello from HTTPS\n')
  })
  .listen(first)

http2
  .createSecureServer({ key, cert, allowHTTP1: true }, (req, res) => {
    res.end(`Hello from HTTP/${req.httpVersion}\n`)
  })
  .listen(second)
