/**
 * What the page runs: asks for the status each second and draws it. What comes from users is only ever set as `textContent`. It remembers what it has
 * seen, so the plots begin when the page is opened.
 */
export const PAGE_SCRIPT = `'use strict'
const KEEP = 300
const history = { rate: [], p50: [], p99: [], busy: [] }
const news = []
let before, wasAt
const $ = (id) => document.getElementById(id)
const add = (parent, tag, text, name) => {
  const element = document.createElement(tag)
  if (text !== undefined) element.textContent = text
  if (name) element.className = name
  parent.append(element)
  return element
}
const sum = (list, of) => list.reduce((total, each) => total + of(each), 0)
const age = (ms) => ms < 10000 ? (ms / 1000).toFixed(1) + '\u00a0s' : ms < 60000 ? Math.floor(ms / 1000) + '\u00a0s'
  : ms < 3600000 ? Math.floor(ms / 60000) + '\u00a0min' : ms < 86400000 ? (ms / 3600000).toFixed(1) + '\u00a0h' : (ms / 86400000).toFixed(1) + '\u00a0d'
const mib = (bytes) => Math.round(bytes / 1048576) + '\u00a0MiB'
const clock = (ms) => new Date(ms).toLocaleTimeString()

function plot(id, lists, text, top) {
  $(id + '-now').textContent = text
  const svg = $(id)
  const most = Math.max(top, ...lists.flat())
  svg.replaceChildren()
  lists.forEach((list, index) => {
    const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline')
    line.setAttribute('class', 'line' + index)
    const first = KEEP - list.length
    line.setAttribute('points', list.map((value, at) => (first + at) + ',' + (59 - 57 * value / most).toFixed(1)).join(' '))
    svg.append(line)
  })
  $(id + '-most').textContent = 'up to ' + (most < 10 ? most.toFixed(1) : Math.round(most))
}
function push(list, value) { list.push(value); if (list.length > KEEP) list.shift() }
function tell(at, text) { news.unshift({ at, text }); if (news.length > 30) news.pop() }

function rows(id, head, list, none) {
  const table = $(id)
  table.replaceChildren()
  if (list.length === 0) { add(add(table, 'tr'), 'td', none, 'dim'); return }
  const top = add(table, 'tr')
  for (const name of head) add(top, 'th', name)
  for (const cells of list) { const row = add(table, 'tr'); for (const cell of cells) add(row, 'td', cell) }
}

function compare(stats) {
  const now = performance.now()
  const again = before !== undefined && before.pid === stats.pid
  const seconds = (now - wasAt) / 1000
  const rate = again ? Math.max(0, (stats.totals.requests - before.totals.requests) / seconds) : 0
  if (again) push(history.rate, rate)
  push(history.p50, stats.queueTime.p50Ms)
  push(history.p99, stats.queueTime.p99Ms)
  push(history.busy, stats.busyShare * 100)
  if (!before || before.lastDecision.at !== stats.lastDecision.at || before.lastDecision.reason !== stats.lastDecision.reason)
    tell(stats.lastDecision.at, stats.lastDecision.action + ': ' + stats.lastDecision.reason)
  if (again) for (const [name, word] of [['childDeaths', 'processes died'], ['threadDeaths', 'threads died'], ['reloads', 'reloads'], ['refused', 'requests refused']]) {
    const more = stats.totals[name] - before.totals[name]
    if (more > 0) tell(Date.now(), more + ' ' + word)
  }
  before = stats
  wasAt = now
  plot('rate', [history.rate], rate.toFixed(rate < 10 ? 1 : 0), 1)
  plot('queue', [history.p50, history.p99], stats.queueTime.p50Ms + ' / ' + stats.queueTime.p99Ms + ' ms', 1)
  plot('busy', [history.busy], Math.round(stats.busyShare * 100) + ' %', 100)
}

function grid(processes) {
  const board = $('board')
  board.replaceChildren()
  for (const each of processes) {
    const row = add(board, 'div', undefined, 'process')
    const label = add(row, 'div', undefined, 'label')
    add(label, 'b', String(each.pid))
    add(label, 'span', ' ' + each.state + ', generation ' + each.generation + ', ' + age(Date.now() - each.startedAt) + ', ' + mib(each.rssBytes) + ', ' + each.parked + ' parked', 'dim')
    const cells = add(row, 'div', undefined, 'cells')
    for (const thread of each.threads) {
      const cell = add(cells, 'div', undefined, 'cell')
      cell.dataset.state = thread.state
      add(cell, 'b', thread.state)
      add(cell, 'span', thread.busyMs > 0 ? age(thread.busyMs) : String(thread.requests))
      cell.title = 'thread ' + thread.id + ': ' + thread.requests + ' requests, ' + thread.inFlight + ' in flight, ' + thread.connections + ' connections, loop delay ' + thread.loopDelayMs + ' ms, heap ' + mib(thread.heapBytes)
    }
  }
}

function show(stats, slow, ready) {
  compare(stats)
  const health = $('health')
  const full = stats.threads.busy >= stats.threads.max
  health.dataset.level = ready.ok ? (full ? 'warn' : 'good') : 'bad'
  health.textContent = (ready.ok ? (full ? 'Serving, every thread is busy' : 'Serving') : 'Not ready: ' + ready.text.trim()) + ' · pid ' + stats.pid + ' · generation ' + stats.generation + ' · up ' + age(stats.uptimeMs)
  grid(stats.processes)
  $('threads').textContent = stats.threads.idle + ' idle, ' + stats.threads.busy + ' busy, ' + stats.threads.starting + ' starting, at most ' + stats.threads.max
  rows('listeners', ['listener', 'accept queue', 'limit'], stats.listeners.map((each) => [each.address, each.backlog.length, each.backlog.limit]), 'none')
  const { totals } = stats
  rows('totals', ['requests', 'connections', 'errors', 'refused', 'deaths', 'reloads', 'memory'], [[totals.requests, totals.connections, totals.errors, totals.refused, totals.childDeaths + ' + ' + totals.threadDeaths, totals.reloads, mib(sum(stats.processes, (each) => each.rssBytes))]])
  const busy = stats.processes.flatMap((each) => each.threads.filter((thread) => thread.busyMs > 0).map((thread) => ({ pid: each.pid, thread })))
  busy.sort((one, other) => other.thread.busyMs - one.thread.busyMs)
  rows('longest', ['process', 'thread', 'busy for', 'in flight'], busy.slice(0, 8).map(({ pid, thread }) => [pid, thread.id, age(thread.busyMs), thread.inFlight]), 'nothing in flight')
  rows('slow', ['route', 'times', 'blocked', 'longest', 'where'], slow.routes.slice(0, 10).map((each) => [each.route, each.count, age(each.blockedMs), age(each.longestMs), each.frames.length > 0 ? each.frames[0].frame : '']), slow.slowThreshold > 0 ? 'nothing has blocked a thread for ' + slow.slowThreshold + ' ms' : 'slowThreshold is 0: nothing is looked for')
  rows('news', ['when', 'what'], news.map((each) => [clock(each.at), each.text]), 'nothing yet')
}

async function turn() {
  try {
    const signal = AbortSignal.timeout(5000)
    const ask = (path) => fetch(path, { cache: 'no-store', signal })
    const [status, slow, ready] = await Promise.all([ask('/status.json'), ask('/slow.json'), ask('/ready')])
    if (!status.ok) throw new Error((await status.text()).trim())
    show(await status.json(), await slow.json(), { ok: ready.ok, text: await ready.text() })
  } catch (error) {
    $('health').dataset.level = 'bad'
    $('health').textContent = 'No answer: ' + error.message
  }
  setTimeout(turn, document.hidden ? 5000 : 1000)
}
turn()
`
