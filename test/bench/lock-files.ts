import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type FileLock, Flock, hasOfdLocks, OfdLock } from '#dist/sys/file-lock.js'
import { createSharedMemory } from '#dist/sys/memory.js'
import { packageRoot } from '../support/paths.js'
import { figure, median, nsPerCall, type Section } from './lock-figures.js'
import type { Cells } from './report/table.js'
import { quantile } from './statistics.js'

const run = promisify(execFile)
const source = join(packageRoot, 'test', 'bench', 'fixtures', 'flock-floor.c')
const handOverFile = fileURLToPath(new URL('./fixtures/flock-hand-over.js', import.meta.url))

const HAND_OVER_ROUNDS = 4

/** The file lock through koffi beside the same calls in C. Without a C compiler the floor is left out. */
export async function measureFiles(isQuick: boolean): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), 'forkthread-bench-'))
  try {
    const path = join(folder, 'lock')
    const fd = openSync(path, 'w+', 0o600)
    const floor = await compile(join(folder, 'floor'))
    const rounds = isQuick ? 6 : 20
    const handOvers = isQuick ? 200 : 1_000
    const flock = await pairs(new Flock(fd), floor, 'pair', path, rounds)
    const ofd = hasOfdLocks
      ? await pairs(new OfdLock(fd, 0), floor, 'ofd', path, rounds)
      : undefined
    const nodeHandOver: number[] = []
    const floorHandOver: number[] = []
    // In turns, for the same reason as in `pairs`.
    for (let round = 0; round < HAND_OVER_ROUNDS; round++) {
      nodeHandOver.push(...(await handOverNode(path, handOvers)))
      if (floor !== undefined) floorHandOver.push(...(await handOverC(floor, path, handOvers)))
    }
    closeSync(fd)
    const ratio = (value: number, ofFloor: number | undefined): Cells => [
      figure(value),
      ofFloor === undefined ? '-' : figure(ofFloor),
      ofFloor === undefined ? '-' : figure(value / ofFloor),
    ]
    const at = (ns: readonly number[], q: number): number => quantile(ns, q) / 1000
    const handOver = (q: number): Cells =>
      ratio(at(nodeHandOver, q), floor === undefined ? undefined : at(floorHandOver, q))
    return {
      title: 'file lock between processes',
      rows: [
        ['', 'forkthread', 'C', 'ratio'],
        ['flock lock + unlock, uncontended, ns', ...ratio(flock.ns, flock.floorNs)],
        ...(ofd === undefined
          ? []
          : [['fcntl (OFD) lock + unlock, uncontended, ns', ...ratio(ofd.ns, ofd.floorNs)]]),
        ['flock handed over between two processes, p50 us', ...handOver(0.5)],
        ['flock handed over between two processes, p99 us', ...handOver(0.99)],
      ],
      notes: [
        'C: the same calls through the same libc, compiled with cc -O2 from fixtures/flock-floor.c.',
        'handed over: from just before the unlock in one process to just after the lock in the other, which slept.',
        ...(floor === undefined
          ? ['There is no C compiler (cc) here, so the floor is missing.']
          : []),
      ],
      goals:
        flock.floorNs === undefined
          ? []
          : [
              {
                name: 'flock pair / C',
                value: flock.ns / flock.floorNs,
                most: 2,
                unit: "times libc's own cost",
              },
            ],
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Path of the floor's program; undefined without a C compiler. */
async function compile(target: string): Promise<string | undefined> {
  try {
    await run('cc', ['-O2', '-o', target, source])
    return target
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw error
  }
}

/** Turns of both alternate, so that a change of the machine's pace hits both. */
async function pairs(
  lock: FileLock,
  floor: string | undefined,
  kind: 'pair' | 'ofd',
  path: string,
  rounds: number,
): Promise<{ ns: number; floorNs: number | undefined }> {
  const times = 50_000
  const own: number[] = []
  const floors: number[] = []
  for (let round = 0; round < rounds; round++) {
    own.push(
      nsPerCall(
        (count) => {
          for (let n = 0; n < count; n++) {
            lock.tryLock()
            lock.unlock()
          }
        },
        times / 5,
        5,
      ),
    )
    if (floor === undefined) continue
    const { stdout } = await run(floor, [kind, path, String(times)])
    floors.push(Number(stdout))
  }
  return { ns: median(own), floorNs: floors.length === 0 ? undefined : median(floors) }
}

async function handOverC(floor: string, path: string, times: number): Promise<number[]> {
  const { stdout } = await run(floor, ['hand-over', path, String(times)])
  return stdout.trim().split('\n').map(Number)
}

async function handOverNode(path: string, times: number): Promise<number[]> {
  const memory = createSharedMemory('bench-hand-over', 64)
  const warmUp = 50
  const outputs = [0, 1].map(async (self) => {
    const args = [handOverFile, path, String(self), String(times + warmUp)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', memory] })
    let output = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`)
    return (JSON.parse(output) as number[]).slice(warmUp)
  })
  const latencies = (await Promise.all(outputs)).flat()
  closeSync(memory)
  return latencies
}
