import { createHash } from 'node:crypto'
import { PAGE_SCRIPT } from './page-script.js'

const STYLE = `
:root { color-scheme: light dark; --back: #f6f7f9; --card: #fff; --text: #1c2330; --dim: #687185; --edge: #dfe3ea; --one: #2f6fde; --two: #d9822b }
@media (prefers-color-scheme: dark) { :root { --back: #12151b; --card: #1b2029; --text: #e6e9ef; --dim: #929cb0; --edge: #2d3442; --one: #6ea2ff; --two: #f0a35a } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1200px; padding: 12px; background: var(--back); color: var(--text); font: 14px/1.45 system-ui, sans-serif }
h1 { font-size: 18px; margin: 4px 0 10px } h2 { font-size: 13px; margin: 0 0 6px; color: var(--dim); font-weight: 600 }
#health { padding: 10px 12px; border-radius: 8px; font-weight: 600; background: var(--card); border: 1px solid var(--edge); border-left: 6px solid var(--dim); overflow-wrap: anywhere }
#health[data-level=good] { border-left-color: #2e9e5b } #health[data-level=warn] { border-left-color: #d9a02b } #health[data-level=bad] { border-left-color: #d33c3c }
main { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr)); gap: 12px; margin-top: 12px }
section { background: var(--card); border: 1px solid var(--edge); border-radius: 8px; padding: 10px 12px; overflow-x: auto; min-width: 0 }
.wide { grid-column: 1 / -1 } .dim { color: var(--dim) } .now { float: right; color: var(--text) }
svg { width: 100%; height: 70px; display: block } polyline { fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; stroke: var(--one) } .line1 { stroke: var(--two) }
table { border-collapse: collapse; width: 100% } th { text-align: left; white-space: nowrap; color: var(--dim); font-weight: 500; font-size: 12px } td, th { padding: 2px 12px 2px 0; vertical-align: top } td:first-child, td:last-child { overflow-wrap: anywhere }
.process { margin-top: 8px } .cells { display: flex; flex-wrap: wrap; gap: 4px; margin-top: 3px }
.cell { width: 58px; height: 42px; border-radius: 5px; background: #8a93a5; color: #fff; text-align: center; font-size: 11px; line-height: 1.35; padding-top: 3px } .cell b { display: block; font: 700 14px ui-monospace, monospace }
.cell[data-state="_"] { background: #2c8552 } .cell[data-state="W"] { background: #b5541c } .cell[data-state="R"] { background: #94681a } .cell[data-state="K"] { background: #2c6bb0 } .cell[data-state="S"] { background: #6d56b5 } .cell[data-state="G"], .cell[data-state="C"] { background: #6b7384 }
`

const plot = (id: string, title: string): string =>
  `<section><h2>${title} <b class="now" id="${id}-now"></b></h2><svg id="${id}" viewBox="0 0 300 60" preserveAspectRatio="none" role="img" aria-label="${title}"></svg><span class="dim" id="${id}-most"></span></section>`

const table = (id: string, title: string): string =>
  `<section><h2>${title}</h2><table id="${id}"></table></section>`

/** The page for browsers: one file, nothing from outside. */
export const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>forkthread</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>${STYLE}</style></head><body>
<h1>forkthread</h1><div id="health" role="status">…</div>
<noscript>This page needs JavaScript. /status.json and the text summary at / (curl) do not.</noscript>
<main>
${plot('rate', 'Requests per second')}
${plot('queue', 'Queue time, p50 / p99')}
${plot('busy', 'Busy share')}
<section class="wide"><h2>Threads <span class="now" id="threads"></span></h2><div id="board"></div>
<p class="dim">S starting, _ idle, R reading, W writing, K keep-alive, C closing, G finishing; below: how long it has been busy, or requests it has served</p></section>
${table('longest', 'Longest busy now')}
${table('listeners', 'Listeners')}
${table('totals', 'Since the start')}
${table('news', 'Decisions, deaths, reloads')}
<section class="wide"><h2>What blocks threads</h2><table id="slow"></table></section>
</main><script>${PAGE_SCRIPT}</script></body></html>
`

/** Nothing but the two texts above runs or styles, whatever a path of a user's request says. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': `default-src 'none'; script-src ${hash(PAGE_SCRIPT)}; style-src ${hash(STYLE)}; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  Vary: 'Accept',
}

function hash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}
