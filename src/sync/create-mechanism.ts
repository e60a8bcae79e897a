import { AcceptMutex, type AcceptMutexTerms } from './accept-mutex.js'
import type { Acceptor } from './acceptor.js'
import { ExclusiveMechanism } from './exclusive-mechanism.js'
import type { Mechanism } from './mechanism.js'
import { MutexMechanism } from './mutex-mechanism.js'

/** What each thread of a child needs to take part; all descriptors of this process. With a mutex there is a listener thread. */
export type MechanismTerms = MutexTerms | ExclusiveTerms

export interface MutexTerms {
  readonly kind: 'mutex'
  readonly listeners: readonly number[]
  readonly mutex: AcceptMutexTerms
}

export interface ExclusiveTerms {
  readonly kind: 'exclusive'
  readonly listeners: readonly number[]
  /** See ExclusiveMechanism. */
  readonly passOn: number
}

export function createMechanism(
  terms: MechanismTerms,
  memory: SharedArrayBuffer,
  acceptor: Acceptor,
): Mechanism {
  return terms.kind === 'mutex'
    ? createMutexMechanism(terms, memory, acceptor)
    : createExclusiveMechanism(terms, memory, acceptor)
}

export function createMutexMechanism(
  terms: MutexTerms,
  memory: SharedArrayBuffer,
  acceptor: Acceptor,
): MutexMechanism {
  return new MutexMechanism(memory, new AcceptMutex(terms.mutex), acceptor)
}

export function createExclusiveMechanism(
  terms: ExclusiveTerms,
  memory: SharedArrayBuffer,
  acceptor: Acceptor,
): ExclusiveMechanism {
  return new ExclusiveMechanism(memory, terms.passOn, acceptor)
}
