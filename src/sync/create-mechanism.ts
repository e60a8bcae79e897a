import { Epoll } from '../sys/epoll.js'
import { AcceptMutex } from './accept-mutex.js'
import { Acceptor } from './acceptor.js'
import { ExclusiveMechanism } from './exclusive-mechanism.js'
import type { Mechanism } from './mechanism.js'
import { MutexMechanism } from './mutex-mechanism.js'

/** What each thread of a child needs to take part; all descriptors of this process. */
export type MechanismTerms =
  | {
      readonly kind: 'flock'
      readonly listeners: readonly number[]
      /** This child's own open file description of the lock file. */
      readonly lock: number
    }
  | {
      readonly kind: 'none'
      readonly listeners: readonly number[]
      readonly epoll: number
      /** See ExclusiveMechanism. */
      readonly passOn: number
    }

export function createMechanism(terms: MechanismTerms, memory: SharedArrayBuffer): Mechanism {
  return terms.kind === 'flock'
    ? createMutexMechanism(terms, memory)
    : createExclusiveMechanism(terms, memory)
}

export function createMutexMechanism(
  terms: MechanismTerms & { kind: 'flock' },
  memory: SharedArrayBuffer,
): MutexMechanism {
  const acceptor = new Acceptor(terms.listeners, memory)
  return new MutexMechanism(memory, new AcceptMutex(terms.lock), acceptor)
}

export function createExclusiveMechanism(
  terms: MechanismTerms & { kind: 'none' },
  memory: SharedArrayBuffer,
): ExclusiveMechanism {
  const acceptor = new Acceptor(terms.listeners, memory)
  const watched = [...terms.listeners, terms.passOn]
  return new ExclusiveMechanism(memory, new Epoll(terms.epoll), watched, acceptor)
}
