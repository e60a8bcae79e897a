import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline/promises'
import { fileURLToPath } from 'node:url'
import type { ClientReport, Order } from '../client/order.js'
import type { Meter } from './load.js'

const program = fileURLToPath(new URL('../client/main.js', import.meta.url))

/** Has the generator carry out an order. Rejects when the generator fails; failed requests are part of its report. */
export async function driveOpenLoop(
  order: Order,
  meter: Meter,
  signal: AbortSignal,
): Promise<ClientReport> {
  const client = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'], signal })
  // An abort is reported here, and rejects below as the end of the conversation.
  client.on('error', () => undefined)
  client.stdin.on('error', () => undefined)
  const lines = createInterface({ input: client.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`the generator ended early: ${ending(client)}`)
    return value
  }
  try {
    client.stdin.write(`${JSON.stringify(order)}\n`)
    await next()
    meter.begin()
    client.stdin.write('go\n')
    const report = JSON.parse(await next()) as ClientReport
    await meter.end()
    return report
  } finally {
    client.stdin.end()
  }
}

const ending = ({ exitCode, signalCode }: ChildProcess): string =>
  `exit status ${exitCode ?? 'unknown'}, signal ${signalCode ?? 'none'}`
