/*
 * The fd queue: ring, head, tail, the "in hand" words, and the recovery of a thread that died.
 *
 * Models src/sync/fd-queue.ts store by store. The listener thread pushes; two worker threads take, unhand and wrap; with
 * SELF_SERVE worker 1 also accepts and pushes (src/sync/self-service.ts). Worker 1 may die before and after
 * each store; the child's main thread recovers it, queues again what it had in hand, and a new worker 1 comes.
 *
 * Abstractions: a ring of two places (a power of two above the most that is queued, as in the source); the mutex is one word
 * that a dead owner keeps until it is freed (mutex.pml); descriptors are numbers that are used again once closed,
 * since that is what makes a note in hand ambiguous; a wrapped one is closed some time later; no thread dies between
 * the return of `accept` and the note.
 *
 * Properties: (1) each descriptor is served once or, where its thread died between unhand and wrap, left to the end of the
 * process; never twice, never lost; (2) head, tail and ring are right at every store; (3) no deadlock.
 */
#define PLACES 2
#define DESCRIPTORS 2
#define NOBODY 0
#define CONTROL 4
#define PLACE(position) ((position) & (PLACES - 1))

/* What becomes of a descriptor. */
mtype = { closed, accepted, served, leaked }
mtype state[DESCRIPTORS + 1] = closed /* descriptor n at n; 0 is none */

byte owner /* of the mutex */
byte ring[PLACES], head, tail /* modulo twice the places */
byte inHand[2] /* a descriptor, or 0 */
bool isDead
byte moving /* listener and workers between two rests */

#define LENGTH ((tail - head + 2 * PLACES) % (2 * PLACES))
#define NEXT(position) ((position + 1) % (2 * PLACES))

#define CONTAINS(fd) ((LENGTH > 0 && ring[PLACE(head)] == fd) || (LENGTH > 1 && ring[PLACE((head + 1))] == fd))

inline lock(self) {
  atomic { owner == NOBODY -> owner = self }
}

inline unlock() {
  owner = NOBODY
}

inline mayDie() {
  if
  :: true
  :: self == 1 -> goto dead
  fi
}

/* The number is any that is closed: the kernel gives it. */
inline accept(fd) {
  if
  :: state[1] == closed -> fd = 1
  :: state[1] != closed && state[2] == closed -> fd = 2
  fi;
  state[fd] = accepted
}

active proctype Listener() {
  byte fd;
end:
  do
  :: atomic { state[1] == closed || state[2] == closed -> accept(fd); moving++ };
    lock(3);
    assert(LENGTH < PLACES);
    ring[PLACE(tail)] = fd;
    tail = NEXT(tail);
    fd = 0;
    atomic { unlock(); moving-- }
  od
}

active [2] proctype Worker() {
  byte self = _pid - 1, fd, position;
again:
end_again:
  if
#ifdef SELF_SERVE
  :: atomic { self == 1 && (state[1] == closed || state[2] == closed) ->
      accept(fd); moving++;
#ifndef PUSH_UNNOTED
      inHand[self] = fd
#endif
    };
    mayDie();
    lock(self + 1);
    mayDie();
#ifdef TAIL_FIRST
    tail = NEXT(tail);
    mayDie();
    ring[PLACE((tail + 2 * PLACES - 1))] = fd;
#else
    ring[PLACE(tail)] = fd;
    mayDie();
    tail = NEXT(tail);
#endif
    fd = 0;
    mayDie();
#ifndef PUSH_UNNOTED
    inHand[self] = 0;
    mayDie();
#endif
    unlock();
    mayDie();
#endif
  :: atomic { LENGTH > 0 -> moving++ }
  fi;
#ifndef TAKE_UNLOCKED
  lock(self + 1);
#endif
  mayDie();
#ifdef IF_FOR_WHILE
  if
  :: true
#else
  if
  :: atomic { LENGTH == 0 -> unlock(); moving--; goto again }
  :: LENGTH > 0
#endif
  fi;
  atomic { fd = ring[PLACE(head)]; position = head };
  mayDie();
#ifdef NOTE_LATE
  head = NEXT(position);
  mayDie();
  inHand[self] = fd;
#else
  inHand[self] = fd;
  mayDie();
  head = NEXT(position);
#endif
  position = 0;
  mayDie();
#ifndef TAKE_UNLOCKED
  unlock();
#endif
  mayDie();
#ifdef WRAP_FIRST
  atomic { assert(state[fd] == accepted); state[fd] = served };
  mayDie();
  inHand[self] = 0;
#else
  inHand[self] = 0;
  if
  :: true
  :: atomic { self == 1 -> assert(state[fd] == accepted); state[fd] = leaked; goto dead }
  fi;
  atomic { assert(state[fd] == accepted); state[fd] = served };
#endif
  atomic { fd = 0; moving--; goto again };

dead:
  atomic { fd = 0; position = 0; isDead = 1; moving-- };
  !isDead;
  goto again
}

/* The sockets of the event loops; those of a thread that ended are closed with it. */
active proctype Sockets() {
end:
  do
  :: atomic { state[1] == served -> state[1] = closed }
  :: atomic { state[2] == served -> state[2] = closed }
  od
}

active proctype Recover() {
  byte fd;
  bool isQueued;
end:
  do
  :: isDead ->
    fd = inHand[1];
#ifdef TRUST_NOTE
    isQueued = 0;
#else
    isQueued = fd != 0 && owner == 2 && CONTAINS(fd);
#endif
    inHand[1] = 0;
#ifndef KEEP_LOCK
    owner = (owner == 2 -> NOBODY : owner);
#endif
    if
    :: fd != 0 && !isQueued ->
      lock(CONTROL);
      assert(LENGTH < PLACES);
      ring[PLACE(tail)] = fd;
      tail = NEXT(tail);
      unlock()
    :: else
    fi;
    atomic { fd = 0; isQueued = 0; isDead = 0 }
  od
}

#define LOST(fd) (state[fd] == accepted)

/* Nobody moves and the ring is empty, so whatever is still merely accepted is known to nobody. */
active proctype Monitor() {
end:
  do
  :: atomic { moving == 0 && !isDead && LENGTH == 0 && (LOST(1) || LOST(2)) -> assert(false) }
  od
}
