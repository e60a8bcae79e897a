/** Reports on a terminal replace each other; elsewhere there are none. An empty one takes the last one away. */
export function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`)
}
