import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'

/** Node's own; its types leave the method out. */
interface Program extends ChildProcess {
  spawn?: (options: unknown) => number
}

/** Told of each program that the code of this thread starts, and of its end. */
export interface Spawns {
  readonly started: (pid: number) => void
  readonly ended: (pid: number) => void
}

/**
 * By the channel on which Node tells of a program that is about to be started, by whatever function: to load the module that has
 * them only to look would cost each thread 5 ms.
 */
export function noteSpawns({ started, ended }: Spawns): void {
  subscribe('child_process', (message) => {
    const { process: program } = message as { readonly process: Program }
    const { spawn } = program
    if (spawn === undefined) return
    // It has no pid yet. The method of the class shows again when that one is called.
    program.spawn = (options) => {
      delete program.spawn
      const result = spawn.call(program, options)
      const { pid } = program
      if (pid !== undefined) {
        started(pid)
        program.once('exit', () => ended(pid))
      }
      return result
    }
  })
}
