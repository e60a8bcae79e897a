import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { requestPath, routeName } from '#dist/parent/records/route-name.js'

test('ids are folded, names stay', () => {
  for (const [request, route] of [
    ['GET /', 'GET /'],
    ['GET /users/7?page=2', 'GET /users/:id'],
    ['POST /orders/3f2504e0-4f89-11d3-9a0c-0305e82c3301/items', 'POST /orders/:id/items'],
    ['GET /blob/9af1c2d3e4', 'GET /blob/:id'],
    ['GET /api/v2/feedback', 'GET /api/v2/feedback'],
    ['GET /mail/ada@example.com', 'GET /mail/:id'],
    ['GET /very-long-name-of-an-article-that-is-here', 'GET /:id'],
    ['GET /a/b/c/d/e/f/g/h/i/j', 'GET /a/b/c/d/e/f/g/h/…'],
    ['a raw connection', 'a raw connection'],
  ] as const)
    assert.is(routeName(request), route)
})

test('what the handler calls it is its name', () => {
  assert.is(routeName('GET /users/me?x=1', '/users/:who'), 'GET /users/:who')
})

test('what stands behind the path may be secret', () => {
  assert.is(requestPath('GET /login?token=abc'), 'GET /login')
})

test.run()
