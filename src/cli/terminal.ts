import { closeSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isatty } from 'node:tty'

/** A shell that ends sends its HUP a moment before the terminal is taken from the session. */
const TAKEN_AWAY_MS = 50

/**
 * The terminal that the command was started at. When it hangs up the kernel sends HUP, as somebody does who wants a reload: whether the
 * terminal is still there tells one from the other.
 *
 * Node makes HUP what it is by default even if `nohup` has had it ignored. But `nohup` also leaves no descriptor to the terminal, and who
 * has none of it is not ended with it.
 */
export class Terminal {
  readonly #isUsed = [0, 1, 2].some((fd) => isatty(fd)) && isThere()

  /** Whether there was one, and there is none any more. */
  async hasHungUp(): Promise<boolean> {
    if (!this.#isUsed) return false
    if (isThere()) await sleep(TAKEN_AWAY_MS)
    return !isThere()
  }
}

function isThere(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch (error) {
    // The session has none. Anything else, such as too many open files, says nothing about it.
    return (error as NodeJS.ErrnoException).code !== 'ENXIO'
  }
}
