/**
 * For commands that print something and end: who reads it may have had enough (`| head -1`), and that is no failure. What else keeps it
 * from being written is one.
 */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    process.stderr.write(`forkthread: standard output can't be written: ${error.code}\n`)
    process.exit(1)
  })
  // Nobody is there to be told.
  process.stderr.on('error', () => undefined)
}
