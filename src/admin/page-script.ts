/**
 * What the page runs: asks for `/page.json` each second and draws it. What comes from users is only ever set as `textContent`. The plots are the
 * parent's memory of the last minutes; the page asks only for what it does not have yet.
 */
export const PAGE_SCRIPT = `'use strict'
const KEEP_MS = 300000
const SHORTEST_MS = 60000
const LATE_MS = 1000
let points = []
let pid
/** What the plots show: all that is known, from one minute to five. */
let spanMs = SHORTEST_MS
const drawn = {}
const $ = (id) => document.getElementById(id)
const add = (parent, tag, text, name) => {
  const element = document.createElement(tag)
  if (text !== undefined) element.textContent = text
  if (name) element.className = name
  parent.append(element)
  return element
}
const sum = (list, of) => list.reduce((total, each) => total + of(each), 0)
const NARROW = '\\u202f'
const age = (ms) => ms < 1000 ? Math.round(ms) + NARROW + 'ms' : ms < 10000 ? (ms / 1000).toFixed(1) + NARROW + 's' : ms < 60000 ? Math.floor(ms / 1000) + NARROW + 's'
  : ms < 3600000 ? Math.floor(ms / 60000) + NARROW + 'min' : ms < 86400000 ? (ms / 3600000).toFixed(1) + NARROW + 'h' : (ms / 86400000).toFixed(1) + NARROW + 'd'
const bytes = (count) => count < 1048576 ? Math.round(count / 1024) + NARROW + 'KiB' : count < 1073741824 ? Math.round(count / 1048576) + NARROW + 'MiB' : (count / 1073741824).toFixed(1) + NARROW + 'GiB'
const short = (value) => value < 10 ? String(Math.round(value * 10) / 10) : value < 10000 ? String(Math.round(value)) : value < 1e6 ? (value / 1e3).toFixed(1) + 'k' : (value / 1e6).toFixed(1) + 'M'
/** Below ten ms a tenth counts. */
const span = (ms) => ms < 10 ? short(ms) + NARROW + 'ms' : age(ms)
const plural = (count, word) => count + ' ' + word + (count === 1 ? '' : 's')

/** Draws anew only what has changed: what somebody has opened or marked stays so. */
function draw(id, what, how) {
  const text = JSON.stringify(what)
  if (drawn[id] === text) return
  drawn[id] = text
  const box = $(id)
  box.replaceChildren()
  how(box)
}
function none(box, text) { add(box, 'div', text, 'dim') }
function bar(box, share, level) {
  const outer = add(box, 'div', undefined, 'bar')
  if (level) outer.dataset.level = level
  add(outer, 'div').style.width = Math.max(0, Math.min(share, 1)) * 100 + '%'
}
function table(box, head, rows) {
  const made = add(box, 'table')
  const top = add(made, 'tr')
  for (const [name, kind] of head) add(top, 'th', name, kind)
  for (const cells of rows) {
    const row = add(made, 'tr')
    cells.forEach((cell, index) => {
      const place = add(row, 'td', typeof cell === 'function' ? undefined : String(cell), head[index][1])
      if (typeof cell === 'function') cell(place)
    })
  }
}

function shape(tag, name, d, svg) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  element.setAttribute('class', name)
  element.setAttribute('d', d)
  svg.append(element)
}
/** The next of 1, 2, 5, 10 … */
function nice(value) {
  const power = Math.pow(10, Math.floor(Math.log10(value)))
  for (const step of [1, 2, 5, 10]) if (value <= step * power * 1.0001) return step * power
  return value
}
function plot(id, now, fields, least, label, fixed) {
  const svg = $(id)
  const most = fixed || nice(Math.max(least, ...points.flatMap((point) => fields.map((field) => field(point)))))
  svg.replaceChildren()
  for (const y of [1, 42, 83]) shape('path', 'grid', 'M0 ' + y + 'H300', svg)
  const x = (point) => (300 - (now - point.at) / spanMs * 300).toFixed(1)
  const y = (value) => (83 - 82 * Math.min(value / most, 1)).toFixed(1)
  if (points.length > 1) fields.forEach((field, index) => {
    const line = points.map((point) => x(point) + ' ' + y(field(point))).join('L')
    if (index === 0) shape('path', 'area', 'M' + x(points[0]) + ' 83L' + line + 'L' + x(points[points.length - 1]) + ' 83Z', svg)
    shape('path', 'line' + index, 'M' + line, svg)
  })
  $(id + '-most').textContent = label(most)
}
function figure(id, parts) {
  const box = $(id + '-now')
  box.replaceChildren()
  for (const [text, name] of parts) add(box, name === 'small' ? 'small' : 'span', text, name)
}
function quantiles(id, p50, p99) {
  figure(id, [[span(p50), 'one'], [' p50  ', 'small'], [span(p99), 'two'], [' p99', 'small']])
}

function health(data) {
  const { stats } = data
  const { level, text } = data.health
  $('health').dataset.level = level
  if ($('health').textContent !== text) $('health').textContent = text
  $('who').textContent = 'pid ' + stats.pid + ' · generation ' + stats.generation + ' · up ' + age(stats.uptimeMs)
}

function board(data) {
  const begun = new Map(data.running.map((each) => [each.process + '.' + each.thread, each]))
  const { idle, busy, starting, max } = data.stats.threads
  $('threads').textContent = idle + ' idle, ' + busy + ' busy' + (starting > 0 ? ', ' + starting + ' starting' : '') + ', at most ' + max
  draw('board', data.stats.processes, (box) => {
    if (data.stats.processes.length === 0) none(box, 'no process')
    for (const each of data.stats.processes) {
      const row = add(box, 'div', undefined, 'process')
      const label = add(row, 'div', undefined, 'label')
      add(label, 'b', 'Process ' + each.slot)
      add(label, 'span', 'pid ' + each.pid + ' · ' + each.state + ' · generation ' + each.generation + ' · ' + age(each.ageMs) + ' · ' + bytes(each.rssBytes) + (each.parked > 0 ? ' · ' + each.parked + ' parked' : ''), 'dim')
      const cells = add(row, 'div', undefined, 'cells')
      for (const thread of each.threads) {
        const cell = add(cells, 'div', undefined, 'cell')
        cell.dataset.state = thread.state
        const { request, busyMs } = begun.get(each.slot + '.' + thread.id) || thread
        if (busyMs > LATE_MS) cell.dataset.late = ''
        const top = add(cell, 'div')
        add(top, 'b', thread.state)
        add(top, 'span', busyMs > 0 ? age(busyMs) : short(thread.requests))
        add(cell, 'p', thread.busyMs > 0 && request ? request : thread.connections > 0 ? plural(thread.connections, 'connection') : 'thread ' + each.slot + '.' + thread.id)
        cell.title = 'thread ' + each.slot + '.' + thread.id + ': ' + plural(thread.requests, 'request') + ', ' + thread.inFlight + ' in flight, ' + plural(thread.connections, 'connection') + ', loop delay ' + thread.loopDelayMs + ' ms, heap ' + bytes(thread.heapBytes) + (request ? ', ' + request : '')
      }
    }
  })
}

function cards(data) {
  const { stats, slow } = data
  const { totals } = stats
  draw('running', data.running.slice(0, 8), (box) => {
    if (data.running.length === 0) { none(box, 'Nothing is in flight.'); return }
    table(box, [['for', 'number'], ['request'], ['thread'], ['in flight', 'number']], data.running.slice(0, 8).map((each) => [age(each.busyMs), (place) => add(place, 'code', each.request || '(a connection)'), each.process + '.' + each.thread, each.inFlight]))
  })
  draw('events', data.events, (box) => {
    if (data.events.length === 0) { none(box, 'Nothing yet.'); return }
    const list = add(box, 'ol')
    for (const event of data.events.slice().reverse()) {
      const item = add(list, 'li')
      add(item, 'time', new Date(event.at).toLocaleTimeString())
      add(item, 'em', event.kind).dataset.kind = event.kind
      add(item, 'span', event.text)
    }
  })
  draw('totals', totals, (box) => {
    const list = add(box, 'dl')
    for (const [name, value, isAlarm] of [['requests', short(totals.requests)], ['connections', short(totals.connections)], ['sent', bytes(totals.bytes)], ['errors', short(totals.errors), totals.errors > 0], ['refused', short(totals.refused), totals.refused > 0],
      ['process deaths', totals.childDeaths, totals.childDeaths > 0], ['thread deaths', totals.threadDeaths, totals.threadDeaths > 0], ['reloads', totals.reloads], ['moved', short(totals.moved)]]) {
      const pair = add(list, 'div')
      add(pair, 'dt', name)
      add(pair, 'dd', String(value), isAlarm ? 'alarm' : '')
    }
  })
  draw('listeners', stats.listeners, (box) => {
    for (const { address, backlog } of stats.listeners) {
      const item = add(box, 'div', undefined, 'item')
      const line = add(item, 'div')
      add(line, 'span', address)
      add(line, 'span', backlog.length + ' of ' + backlog.limit, 'dim')
      const share = backlog.limit > 0 ? backlog.length / backlog.limit : 0
      bar(item, share, share > 0.8 ? 'bad' : share > 0.3 ? 'warn' : '')
    }
  })
  const most = Math.max(1, ...stats.processes.map((each) => each.rssBytes))
  draw('memory', [data.memory, stats.processes.map((each) => [each.slot, Math.round(each.rssBytes / 1048576)])], (box) => {
    if (data.memory) {
      const share = data.memory.usedBytes / data.memory.limitBytes
      const item = add(box, 'div', undefined, 'item')
      const line = add(item, 'div')
      add(line, 'span', 'cgroup')
      add(line, 'span', bytes(data.memory.usedBytes) + ' of ' + bytes(data.memory.limitBytes), 'dim')
      bar(item, share, share > 0.9 ? 'bad' : share > 0.75 ? 'warn' : '')
    }
    for (const each of stats.processes.slice(0, 16)) {
      const item = add(box, 'div', undefined, 'item')
      const line = add(item, 'div')
      add(line, 'span', 'process ' + each.slot)
      add(line, 'span', bytes(each.rssBytes), 'dim')
      bar(item, each.rssBytes / most)
    }
  })
  $('memory-note').textContent = bytes(sum(stats.processes, (each) => each.rssBytes)) + ' resident in all processes'
  $('slow-note').textContent = slow.slowThreshold > 0 ? 'for longer than ' + slow.slowThreshold + ' ms' : ''
  draw('slow', slow, (box) => {
    if (slow.routes.length === 0) { none(box, slow.slowThreshold > 0 ? 'Nothing has blocked a thread.' : 'slowThreshold is 0: nothing is looked for.'); return }
    table(box, [['route'], ['times', 'number'], ['in all', 'number'], ['longest', 'number'], ['where']], slow.routes.slice(0, 10).map((each) => [(place) => add(place, 'code', each.route), each.count, age(each.blockedMs), age(each.longestMs), (place) => where(place, each)]))
  })
}
function where(place, { frames, example }) {
  if (frames.length === 0) { none(place, 'no stack taken'); return }
  const details = add(place, 'details')
  const summary = add(details, 'summary')
  add(summary, 'code', Math.round(frames[0].share * 100) + ' % ' + frames[0].frame)
  add(details, 'pre', frames.slice(1, 5).map((each) => Math.round(each.share * 100) + ' % ' + each.frame).concat('', example.request + ', ' + new Date(example.at).toLocaleTimeString() + ', thread ' + example.process + '.' + example.thread + ':', example.stack.map((frame) => '  at ' + frame).join('\\n')).join('\\n'))
}

function show(data) {
  if (pid !== data.stats.pid) { pid = data.stats.pid; points = [] }
  points = points.concat(data.points.filter((point) => points.length === 0 || point.at > points[points.length - 1].at)).filter((point) => data.now - point.at <= KEEP_MS + 1000)
  spanMs = Math.min(Math.max(Math.ceil((data.now - (points.length > 0 ? points[0].at : data.now)) / 60000) * 60000, SHORTEST_MS), KEEP_MS)
  for (const label of document.querySelectorAll('.from')) label.textContent = spanMs / 60000 + ' min ago'
  const { stats } = data
  health(data)
  figure('rate', [[short(stats.requestsPerSecond), 'one'], [' per second', 'small']])
  plot('rate', data.now, [(point) => point.requestsPerSecond], 1, short)
  quantiles('duration', stats.duration.p50Ms, stats.duration.p99Ms)
  plot('duration', data.now, [(point) => point.p50Ms, (point) => point.p99Ms], 10, span)
  quantiles('queue', stats.queueTime.p50Ms, stats.queueTime.p99Ms)
  plot('queue', data.now, [(point) => point.queueP50Ms, (point) => point.queueP99Ms], 10, span)
  figure('busy', [[String(Math.round(stats.busyShare * 100)), 'one'], [' % of ' + plural(stats.threads.max, 'thread'), 'small']])
  plot('busy', data.now, [(point) => point.busyShare * 100], 100, (share) => share + NARROW + '%', 100)
  board(data)
  cards(data)
}

async function turn() {
  try {
    const since = points.length > 0 ? points[points.length - 1].at : 0
    const answer = await fetch('/page.json?since=' + since, { cache: 'no-store', signal: AbortSignal.timeout(5000) })
    if (!answer.ok) throw new Error((await answer.text()).trim())
    show(await answer.json())
  } catch (error) {
    $('health').dataset.level = 'bad'
    $('health').textContent = 'No answer: ' + error.message
  }
  setTimeout(turn, document.hidden ? 5000 : 1000)
}
turn()
`
