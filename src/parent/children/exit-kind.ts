import type { Exit } from './child-news.js'
import type { ForkedChild } from './forked-child.js'

/** Unplanned, by whatever: neither asked to leave, nor cut off at the end of its patience. */
export function hasDied(child: ForkedChild, exit: Exit): boolean {
  return !hasLeft(child, exit) && child.cutOff === undefined
}

/** Whether it ended as one does that was asked to leave; one on its leave may die of something else. */
export function hasLeft(child: ForkedChild, exit: Exit): boolean {
  return child.isLeaving && exit.code === 0
}
