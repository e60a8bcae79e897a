/**
 * h3 as its documentation starts it. Nitro stands on it.
 *
 *   npx forkthread examples/programs/h3.js
 *   curl http://127.0.0.1:3000/
 */
import { H3, serve } from 'h3'

const app = new H3().get('/', () => 'Hello h3')

serve(app, { port: Number(process.env.PORT ?? 3000) })
