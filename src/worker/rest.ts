import { getHeapStatistics } from 'node:v8'
import { giveBackMemory } from '../sys/give-back-memory.js'
import { keepingShapes } from './compiled-shapes.js'

/** What lives in a larger heap would keep the thread for too long, and garbage is the smaller part of it. */
const MOST_BYTES = 64 * 2 ** 20

/** What an idle thread does when it is told to give back memory. */
export async function rest(): Promise<void> {
  if (getHeapStatistics().used_heap_size <= MOST_BYTES) await keepingShapes(giveBackMemory)
}
