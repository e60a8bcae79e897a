import { news } from './news.js'

/** Tells of the flags of Node that handlers will miss. */
export function tellNodeFlags(): void {
  const flags = process.execArgv.filter((flag) => !isForParent(flag))
  if (flags.length === 0) return
  news.warning(
    `Node was given ${flags.join(' ')}: that is for the parent alone, where no handler runs; say --exec-argv=FLAG behind forkthread for its threads, or put it into NODE_OPTIONS (flags of V8 and of the whole process)`,
  )
}

/** Flags of Node that are taken up for the threads, or that concern whoever prints and starts. */
function isForParent(flag: string): boolean {
  return /^--(max[-_]old[-_]space[-_]size|inspect|env-file|title|no-warnings|disable-warning|use-)/.test(
    flag,
  )
}
