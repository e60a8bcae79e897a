import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type AgentSituation, agentReply } from '#dist/parent/answers/agent-reply.js'

const serving: AgentSituation = {
  state: 'serving',
  notReady: undefined,
  threads: { idle: 8, max: 10 },
}

test('the share of idle threads is the weight, and never 0', () => {
  assert.is(agentReply(serving), 'ready up 80%\n')
  assert.is(agentReply({ ...serving, threads: { idle: 10, max: 10 } }), 'ready up 100%\n')
  assert.is(agentReply({ ...serving, threads: { idle: 0, max: 10 } }), 'ready up 1%\n')
  // After a resize there may be more for a moment.
  assert.is(agentReply({ ...serving, threads: { idle: 12, max: 10 } }), 'ready up 100%\n')
})

test('a pool that leaves says so', () => {
  assert.is(agentReply({ ...serving, state: 'draining', notReady: 'x' }), 'drain\n')
  assert.is(agentReply({ ...serving, state: 'closing', notReady: 'x' }), 'maint\n')
})

test('one that cannot serve is down, with the reason on the same line', () => {
  assert.is(
    agentReply({ ...serving, notReady: 'no process\nis ready' }),
    'ready down #no process is ready\n',
  )
  assert.is(
    agentReply({ ...serving, state: 'starting', notReady: 'the pool is starting' }),
    'ready down #the pool is starting\n',
  )
})

test.run()
