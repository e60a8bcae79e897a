/** The few shapes that the plots need, as text of an SVG file that is legible in a light and in a dark page. */

export type Tone = 'own' | 'peer'

interface Colours {
  readonly ground: string
  readonly text: string
  readonly muted: string
  readonly axis: string
  readonly own: string
  readonly peer: string
}

const light: Colours = {
  ground: '#ffffff',
  text: '#1f2328',
  muted: '#59636e',
  axis: '#d1d9e0',
  own: '#0969da',
  peer: '#9aa4af',
}
const dark: Colours = {
  ground: '#0d1117',
  text: '#e6edf3',
  muted: '#9198a1',
  axis: '#3d444d',
  own: '#58a6ff',
  peer: '#6e7781',
}

const colour = ({ ground, text, muted, axis, own, peer }: Colours): string => `
  .ground { fill: ${ground} }
  text { fill: ${text} }
  text.muted { fill: ${muted} }
  .own { fill: ${own} }
  .peer { fill: ${peer} }
  line.axis { stroke: ${axis} }
  line.spread { stroke: ${text} }
  polyline { stroke: ${own} }`

// The picture brings its own ground, since a page may be dark where its reader's system is light.
const STYLE = `
  text { font: 12px system-ui, sans-serif }
  .title { font-size: 15px; font-weight: 600 }
  .heading { font-weight: 600 }
  line.spread { opacity: 0.55 }
  polyline { fill: none; stroke-width: 2 }
${colour(light)}
  @media (prefers-color-scheme: dark) {${colour(dark)}
  }
`

const round = (value: number): string => String(Math.round(value * 10) / 10)

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

export function text(
  x: number,
  y: number,
  content: string,
  { anchor = 'start', style = '' }: { anchor?: 'start' | 'middle' | 'end'; style?: string } = {},
): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" class="${style}">${escaped(content)}</text>`
}

export const bar = (x: number, y: number, width: number, height: number, tone: Tone): string =>
  `<rect x="${round(x)}" y="${round(y)}" width="${round(Math.max(1, width))}" height="${height}" rx="2" class="${tone}"/>`

export const line = (
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  style: 'axis' | 'spread',
): string =>
  `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" class="${style}"/>`

export const dot = (x: number, y: number): string =>
  `<circle cx="${round(x)}" cy="${round(y)}" r="3" class="own"/>`

export const path = (points: readonly (readonly [number, number])[]): string =>
  `<polyline points="${points.map(([x, y]) => `${round(x)},${round(y)}`).join(' ')}"/>`

export const picture = (
  width: number,
  height: number,
  title: string,
  shapes: readonly string[],
): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title).replaceAll('"', '&quot;')}">`,
    `<style>${STYLE}</style>`,
    `<rect class="ground" width="${width}" height="${height}" rx="6"/>`,
    ...shapes,
    '</svg>',
    '',
  ].join('\n')
