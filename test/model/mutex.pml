/*
 * The robust mutex between the threads of one process.
 *
 * Models src/sync/mutex.ts in single atomic operations: lock with and without time-out, lockAsync, unlock, recover. Three threads lock
 * and unlock for ever, or leave it at any moment. Threads 1 and 2 sleep in `lock`, may time out, and may die at any
 * instruction, also right after they were woken; somebody recovers them. Thread 0 waits in `lockAsync`: woken, it
 * goes on when its event loop turns, on which nobody may rely. With IMMORTAL nobody dies, which suffices for most mutants.
 *
 * Abstractions: `Atomics.wait` compares and falls asleep in one step and its sleepers are a set (who is woken is
 * any of them); a dying sleeper leaves the set; a thread that died stays dead.
 *
 * Properties: (1) mutual exclusion; (2) no lost wake-up: never is the lock free, somebody asleep, and nobody on the way who
 * would wake him; nor does anybody sleep on a word that is held without "waiters" once all others stand still;
 * (3) a freed lock is taken, which is the same as no state without a way on; (4) the owner part changes only as it should.
 */
#define THREADS 3
#define FREE 0
#define WAITERS 8
#define ASYNC 16
#define OWNER(word) ((word) & 7)
#define BIT(self) (1 << (self))

byte word
byte sleepers /* one bit per thread */
byte inside
bool dead[THREADS], recovered[THREADS]
bool still[THREADS] /* stands still: outside, and wants nothing */

/* Atomics.notify(word, 1) */
inline notifyOne() {
  if
  :: sleepers & BIT(0) -> sleepers = sleepers & ~BIT(0)
  :: sleepers & BIT(1) -> sleepers = sleepers & ~BIT(1)
  :: sleepers & BIT(2) -> sleepers = sleepers & ~BIT(2)
  :: sleepers == 0
  fi
}

#define SELF (self + 1)
#define MARKS (self == 0 -> WAITERS | ASYNC : WAITERS)

active [THREADS] proctype Thread() {
  byte self = _pid, seen, taken;
  {
  skip;
outside:
  atomic { still[self] = 1; seen = 0; taken = 0 };
end_outside:
  atomic { still[self] = 0; taken = SELF };
  if
  :: atomic { word == FREE -> word = SELF; goto locked }
  :: word != FREE
  fi;

take:
  atomic { seen = word };
  if
  :: seen == FREE ->
    if
    :: atomic { word == FREE -> word = taken; goto locked }
    :: word != FREE -> goto take
    fi
  :: seen != FREE && (seen & MARKS) == MARKS
  :: seen != FREE && (seen & MARKS) != MARKS ->
#ifndef MARK_NOTHING
    if
    :: atomic { word == seen -> word = seen | MARKS; seen = word }
    :: atomic { word != seen -> goto take }
    fi
#else
    skip
#endif
  fi;
#ifdef SLEEP_UNCOMPARED
  sleepers = sleepers | BIT(self);
#else
  if
  :: atomic { word == seen -> sleepers = sleepers | BIT(self) }
  :: atomic { word != seen -> goto woken }
  /* The time is over before the sleep. */
  :: self != 0 -> goto outside
  fi;
#endif
  if
  :: self != 0 && !(sleepers & BIT(self))
  :: atomic { self == 0 && !(sleepers & BIT(0)) -> still[0] = 1 };
    atomic { still[0] = 0 } /* its event loop turns */
  :: atomic { self != 0 && (sleepers & BIT(self)) -> sleepers = sleepers & ~BIT(self) } /* the time is over */
  fi;
woken:
#ifndef TAKE_WITHOUT_WAITERS
  taken = SELF | WAITERS;
#endif
#ifdef IF_FOR_WHILE
  /* Woken, so the lock must be free. */
  word = taken;
  goto locked;
#endif
#ifdef LEAVE_WOKEN
  /* Late, although woken. */
  if
  :: goto outside
  :: true
  fi;
#endif
  goto take;

locked:
  atomic { inside++; assert(inside == 1); assert(OWNER(word) == SELF) };
  inside--;
  if
  :: atomic { word == SELF -> word = FREE; goto outside }
  :: word != SELF
  fi;
#ifdef UNLOCK_IN_TWO
  atomic { seen = word };
  word = FREE;
#else
  atomic { seen = word; word = FREE };
#endif
  assert(OWNER(seen) == SELF);
#ifndef UNLOCK_SILENTLY
  if
#ifndef WAKE_ONE
  :: atomic { seen & ASYNC -> sleepers = 0 }
  :: atomic { !(seen & ASYNC) -> notifyOne() }
#else
  :: atomic { notifyOne() }
#endif
  fi;
#endif
  goto outside
  } unless { dead[self] }
}

#ifndef IMMORTAL
/* Ends thread 1 or 2 at any moment, and recovers it. */
active [2] proctype Fate() {
  byte victim = _pid - THREADS + 1, seen;
end:
  atomic {
    !dead[victim] ->
    dead[victim] = 1;
    still[victim] = 1;
    sleepers = sleepers & ~BIT(victim);
    /* Whatever it did inside is over: what the lock guards is right at every store. */
    if
    :: OWNER(word) == victim + 1 -> inside = 0
    :: else
    fi
  };
again:
  atomic { seen = word };
  if
  :: OWNER(seen) == victim + 1 ->
    if
    :: atomic { word == seen -> word = FREE }
    :: word != seen -> goto again
    fi
  :: OWNER(seen) != victim + 1
  fi;
#ifndef RECOVER_SILENTLY
#ifdef RECOVER_ONLY_HELD
  if
  :: OWNER(seen) == victim + 1 -> sleepers = 0
  :: else
  fi;
#else
  sleepers = 0;
#endif
#endif
  recovered[victim] = 1
}
#endif

#define DONE(thread) (dead[thread] == recovered[thread])
#define CALM(thread) (still[thread] || (sleepers & BIT(thread)))

active proctype Monitor() {
end:
  do
  :: atomic { sleepers != 0 && CALM(0) && CALM(1) && CALM(2) && DONE(1) && DONE(2) -> assert(false) }
  od
}
