/**
 * One handler over HTTP/1.1 and HTTP/2, with TLS by the pool. It need not know: the pool reads the key and the certificate, takes new
 * ones up when the files change, and has every thread resume the sessions of all others.
 *
 *   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
 *     -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem
 *   npx forkthread examples/tls/app.js --listen https://8443 --tls-key key.pem --tls-cert cert.pem
 *   curl --cacert cert.pem https://localhost:8443/
 *   curl --cacert cert.pem --http1.1 https://localhost:8443/
 *   openssl s_client -connect localhost:8443 -reconnect </dev/null | grep -E '^(New|Reused)'
 *
 * Several names, each with its certificate: repeat the two flags. Behind a load balancer that sends PROXY headers, add
 * --proxy-protocol, and `remoteAddress` is the client's.
 */
import { threadId } from 'node:worker_threads'

/**
 * @param {import('node:http').IncomingMessage} req
 * @param {import('node:http').ServerResponse} res
 */
export default function handler(req, res) {
  const { remoteAddress = 'nowhere' } = req.socket
  res.setHeader('content-type', 'text/plain')
  res.end(
    `HTTP/${req.httpVersion} for ${remoteAddress}, by pid ${process.pid}, thread ${threadId}\n`,
  )
}
