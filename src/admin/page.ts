import { nodeCrypto } from '../shared/node-modules.js'
import { PAGE_SCRIPT } from './page-script.js'
import { PAGE_STYLE } from './page-style.js'

const plot = (id: string, title: string, unit: string): string =>
  `<section class="quarter"><h2>${title}</h2><div class="figure" id="${id}-now">…</div>
<div class="plot"><svg id="${id}" viewBox="0 0 300 84" preserveAspectRatio="none" role="img" aria-label="${title}, the last five minutes"></svg><span id="${id}-most"></span></div>
<div class="axis"><span class="from"></span><span>${unit}</span><span>now</span></div></section>`

const card = (id: string, title: string, width: string): string =>
  `<section class="${width}"><h2>${title} <small id="${id}-note"></small></h2><div class="scroll" id="${id}"></div></section>`

const LETTERS = [
  ['_', 'idle'],
  ['K', 'idle, with connections open'],
  ['R', 'waits for a request'],
  ['W', 'busy'],
  ['S', 'starts'],
  ['G', 'finishes'],
] as const

const legend = LETTERS.map(
  ([letter, what]) => `<span><i data-state="${letter}">${letter}</i>${what}</span>`,
)
  .concat('<span><i data-state="W" data-late>W</i>busy for a second</span>')
  .join('')

/** The page for browsers: one file, nothing from outside. */
export const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>forkthread</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>${PAGE_STYLE}</style></head><body>
<header><h1>forkthread</h1><div id="health" role="status">…</div><div class="dim" id="who"></div></header>
<noscript>This page needs JavaScript. /status.json and the text summary at / (curl) do not.</noscript>
<main>
${plot('rate', 'Requests', 'per second')}
${plot('duration', 'Duration', 'p50, p99')}
${plot('queue', 'Queue time', 'p50, p99')}
${plot('busy', 'Busy', 'share')}
<section><h2>Threads <small id="threads"></small></h2><div id="board"></div><div class="legend">${legend}</div></section>
${card('running', 'Running longest now', 'half')}
${card('events', 'What has happened', 'half')}
${card('totals', 'Since the start', 'third')}
${card('listeners', 'Accept queues', 'third')}
${card('memory', 'Memory', 'third')}
${card('slow', 'What blocks threads', 'wide')}
</main><script>${PAGE_SCRIPT}</script></body></html>
`

/** Nothing but the two texts above runs or styles, whatever a path of a user's request says. */
export function pageHeaders(): Readonly<Record<string, string>> {
  return {
    'Content-Security-Policy': `default-src 'none'; script-src ${hash(PAGE_SCRIPT)}; style-src ${hash(PAGE_STYLE)}; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    Vary: 'Accept',
  }
}

function hash(text: string): string {
  return `'sha256-${nodeCrypto().createHash('sha256').update(text).digest('base64')}'`
}
