/** How the page looks: light and dark as the browser says, from a phone's width on. */
export const PAGE_STYLE = `
:root { color-scheme: light dark;
  --back: #f4f5f7; --card: #ffffff; --text: #1a2130; --dim: #5d6779; --edge: #e1e5eb; --track: #e9ecf1; --one: #2563d9; --two: #c2600c; --fill: #2563d91f;
  --good: #1f8a4c; --warn: #b7770a; --bad: #cc3232;
  --idle: #e3f3e8; --idle-text: #1c6b3d; --keep: #e2edfb; --keep-text: #1f559e; --read: #fcefcd; --read-text: #7a5207; --write: #d9661a; --write-text: #ffffff; --late: #b8251b;
  --start: #ece6fb; --start-text: #5a3fa6; --gone: #e6e9ee; --gone-text: #545e70 }
@media (prefers-color-scheme: dark) { :root {
  --back: #0f1217; --card: #181c23; --text: #e7eaf0; --dim: #97a1b3; --edge: #282e39; --track: #262c37; --one: #74a5ff; --two: #f2a55f; --fill: #74a5ff26;
  --good: #4cc47f; --warn: #e3ad42; --bad: #f06a62;
  --idle: #173325; --idle-text: #7fd6a3; --keep: #1a2e4a; --keep-text: #8fbcf7; --read: #3d3113; --read-text: #efc866; --write: #c9631f; --write-text: #ffffff; --late: #d23b30;
  --start: #2d2550; --start-text: #b9a6f5; --gone: #2a303b; --gone-text: #a2acbd } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1320px; padding: 16px; background: var(--back); color: var(--text); font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100% }
header { display: flex; flex-wrap: wrap; gap: 10px 16px; align-items: center; padding: 12px 16px; border-radius: 12px; background: var(--card); border: 1px solid var(--edge) }
h1 { font-size: 17px; margin: 0; letter-spacing: -.01em }
#health { display: flex; gap: 9px; align-items: center; flex: 1 1 260px; font-weight: 600; overflow-wrap: anywhere }
#health::before { content: ""; flex: none; width: 11px; height: 11px; border-radius: 50%; background: var(--level, var(--dim)); box-shadow: 0 0 0 4px color-mix(in srgb, var(--level, var(--dim)) 22%, transparent) }
#health[data-level=good] { --level: var(--good) } #health[data-level=warn] { --level: var(--warn) } #health[data-level=bad] { --level: var(--bad) }
h2 { display: flex; flex-wrap: wrap; gap: 2px 10px; align-items: baseline; justify-content: space-between; margin: 0 0 8px; font-size: 13px; font-weight: 600 }
h2 small, .dim { color: var(--dim); font-weight: 400; font-size: 12px }
main { display: grid; grid-template-columns: repeat(12, 1fr); gap: 12px; margin-top: 12px }
section { grid-column: span 12; min-width: 0; padding: 12px 16px 14px; border-radius: 12px; background: var(--card); border: 1px solid var(--edge) }
.quarter { grid-column: span 3 } .third { grid-column: span 4 } .half { grid-column: span 6 }
@media (max-width: 1000px) { .quarter, .third, .half { grid-column: span 6 } }
@media (max-width: 640px) { body { padding: 10px } .third, .half { grid-column: span 12 } .quarter { grid-column: span 6; padding: 10px 11px } main { gap: 8px } section { padding: 11px 12px } }
.figure { font-size: 22px; font-weight: 650; letter-spacing: -.02em; line-height: 1.15; min-height: 26px } .figure span { white-space: nowrap } .figure small { font-size: 12px; font-weight: 400; color: var(--dim); letter-spacing: 0 }
.figure .two { color: var(--two) } .figure .one { color: var(--one) }
@media (max-width: 640px) { .figure { font-size: 17px } }
.plot { position: relative; margin-top: 6px } .plot svg { display: block; width: 100%; height: 84px } .plot span { position: absolute; left: 0; top: -2px; font-size: 11px; color: var(--dim); background: var(--card); padding-right: 4px }
.axis { display: flex; justify-content: space-between; font-size: 11px; color: var(--dim); margin-top: 2px }
svg path { fill: none; stroke-width: 1.6; vector-effect: non-scaling-stroke; stroke-linejoin: round } .grid { stroke: var(--edge); stroke-width: 1 } .area { fill: var(--fill); stroke: none } .line0 { stroke: var(--one) } .line1 { stroke: var(--two) }
.process + .process { margin-top: 12px; padding-top: 12px; border-top: 1px solid var(--edge) }
.label { display: flex; flex-wrap: wrap; gap: 0 12px; margin-bottom: 6px }
.cells { display: grid; grid-template-columns: repeat(auto-fill, minmax(92px, 1fr)); gap: 5px }
.cell { min-width: 0; height: 50px; padding: 4px 8px; border-radius: 7px; background: var(--gone); color: var(--gone-text); font-size: 11px; line-height: 1.35; overflow: hidden }
.cell div { display: flex; justify-content: space-between; align-items: baseline } .cell b { font: 700 15px/1.3 ui-monospace, SFMono-Regular, Menlo, monospace } .cell p { margin: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.legend i { background: var(--gone); color: var(--gone-text) }
:is(.cell, i)[data-state="_"] { background: var(--idle); color: var(--idle-text) } :is(.cell, i)[data-state="K"] { background: var(--keep); color: var(--keep-text) } :is(.cell, i)[data-state="R"] { background: var(--read); color: var(--read-text) }
:is(.cell, i)[data-state="W"] { background: var(--write); color: var(--write-text) } :is(.cell, i)[data-state="W"][data-late] { background: var(--late) } :is(.cell, i)[data-state="S"] { background: var(--start); color: var(--start-text) }
.legend { display: flex; flex-wrap: wrap; gap: 4px 12px; margin: 12px 0 0; font-size: 12px; color: var(--dim) } .legend i { display: inline-block; width: 20px; border-radius: 4px; text-align: center; font: 700 11px/18px ui-monospace, monospace; margin-right: 5px }
.scroll { overflow-x: auto } #slow table { min-width: 600px } #slow td:first-child { min-width: 130px } table { border-collapse: collapse; width: 100% } th { padding: 0 12px 5px 0; text-align: left; white-space: nowrap; color: var(--dim); font-weight: 500; font-size: 12px } td { padding: 4px 12px 4px 0; border-top: 1px solid var(--edge); vertical-align: top; overflow-wrap: anywhere } .number { text-align: right; white-space: nowrap } th:last-child, td:last-child { padding-right: 0 }
code, pre { font: 12px/1.45 ui-monospace, SFMono-Regular, Menlo, monospace } pre { margin: 4px 0 0; white-space: pre-wrap; overflow-wrap: anywhere; color: var(--dim) } summary { cursor: pointer } td code { overflow-wrap: anywhere }
.bar { height: 6px; border-radius: 3px; background: var(--track); overflow: hidden; margin-top: 4px } .bar div { height: 100%; border-radius: 3px; background: var(--one) } .bar[data-level=warn] div { background: var(--warn) } .bar[data-level=bad] div { background: var(--bad) }
.item { margin-top: 9px } .item > div:first-child { display: flex; justify-content: space-between; gap: 12px } .item span { overflow-wrap: anywhere }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(92px, 1fr)); gap: 10px 12px; margin: 0 } dt { font-size: 12px; color: var(--dim) } dd { margin: 0; font-size: 16px; font-weight: 600 } dd.alarm { color: var(--bad) }
ol { list-style: none; margin: 0; padding: 0; max-height: 340px; overflow-y: auto } li { display: flex; gap: 10px; padding: 4px 0; border-top: 1px solid var(--edge) } li:first-child { border: 0 } li time { flex: none; color: var(--dim); font-size: 12px; line-height: 20px } li em { flex: none; align-self: flex-start; min-width: 62px; text-align: center; border-radius: 5px; font: 600 11px/20px system-ui, sans-serif; background: var(--gone); color: var(--gone-text) } li span { overflow-wrap: anywhere; min-width: 0 }
li em[data-kind=death], li em[data-kind=error] { background: var(--bad); color: var(--card) } li em[data-kind=reload] { background: var(--keep); color: var(--keep-text) }
@media (max-width: 640px) { li { flex-wrap: wrap; gap: 2px 8px } li span { flex-basis: 100% } .cells { grid-template-columns: repeat(auto-fill, minmax(78px, 1fr)) } }
`
