/*
 * Parking: the table of parked connections, the reservation of a number, the parker's hand, search and recovery.
 *
 * Models src/sync/parking.ts with parker-orders.ts, src/parker/parker.ts and src/child/parker-thread.ts store by store and system call by
 * system call. A worker thread serves and parks; the parker watches, hands on (queue or mailbox), lets time out; the main
 * thread recovers; other processes take from the mailbox. With WORKER_DEATH the worker may die before and after each
 * step, with PARKER_DEATH the parker, which is then started again; with NO_PARKER it may also be found not to start, so that
 * parking is closed and what is parked goes to the threads; with STOP the child stops at any moment. FULL lets mailbox and
 * epoll instance be full now and then.
 *
 * Abstractions: a second worker thread does each thing, parking too, in one step; the fd queue is a set, its push and its
 * take (with the wrapping) are one step each (fd-queue.pml has them); the kernel gives the lowest free number; a stamp is
 * the number of its connection (two connections under one number have different ones; one connection under one number
 * twice does not matter); the clock that starts and stops is left out: a time-out may come at any moment; one thread
 * dies, once (MOST_DEATHS; with WORKER_DEATH, PARKER_DEATH and two deaths it takes minutes and -DBITSTATE, and holds as well).
 *
 * Properties: (1) whoever closes, hands on or wraps a descriptor finds the connection there that he means; (2) no
 * connection is read by two; (3) none is open and known to nobody, and at the end none is parked; (4) a parked connection
 * with something to read is reported, or in the parker's list; (5) no deadlock.
 *
 * What is given up knowingly: what comes between the last look at an idle connection and its close, as with every server;
 * and the connection of a parker that dies between its note "may be mailed" and the mail.
 */
#define NUMBERS 3
#define CONNECTIONS 2
#ifndef MOST_DEATHS
#define MOST_DEATHS 1
#endif
#define NOTHING 0
#define PLACEHOLDER 3 /* a duplicate of the wake descriptor */

/* Notes. */
#define CLAIMED 0
#define TAKEN_BACK 1
#define RESERVED 2 /* by the worker */
#define STAMP(c) (2 + c)
#define IS_PARKED(note) (note >= STAMP(1))

byte file[NUMBERS + 1] /* what a number stands for: nothing, a connection, a placeholder */
byte note[NUMBERS + 1], tableEnd
byte reserved
bool parkerRuns, stopping, searchAgain
bool inQueue[NUMBERS + 1]
bool mailed[CONNECTIONS + 1]
byte inHand /* of the parker: a number */
bool isMailed /* that note says "may be mailed" */

/* Of connections. */
bool readable[CONNECTIONS + 1], over[CONNECTIONS + 1]
byte reader[CONNECTIONS + 1] /* 0 nobody, 1 the worker, 2 the other one */

/* The epoll instance knows an open file by the number that it had; a disarmed one is as good as unknown. */
bool armed[(NUMBERS + 1) * (CONNECTIONS + 1)]
#define ARMED(n, c) armed[(n) * (CONNECTIONS + 1) + (c)]
#define IS_CONNECTION(n) (file[n] == 1 || file[n] == 2)

/* Of the model. */
byte socket, socketOfOther /* the number of a worker's socket */
bool moving, isDead
bool waiting[NUMBERS + 1] /* the parker's list */
byte deaths
bool parkerWaits, parkerDead, parkerLeft, isRecovering, isEmptied

#define HAS_NUMBER(c) (file[1] == c || file[2] == c || file[3] == c)
#define IS_FREE (file[1] == 0 || file[2] == 0 || file[3] == 0)
#define LOWEST_FREE (file[1] == 0 -> 1 : (file[2] == 0 -> 2 : 3))

/* The kernel forgets a connection with its last descriptor. */
inline lose(c) {
  if
  :: (c == 1 || c == 2) && !HAS_NUMBER(c) && !mailed[c] ->
    over[c] = 1;
    reader[c] = 0;
    readable[c] = 0;
    ARMED(1, c) = 0; ARMED(2, c) = 0; ARMED(3, c) = 0
  :: else
  fi
}

inline put(n, what) {
  d_step { was = file[n]; file[n] = what; lose(was); was = 0 }
}

/* A closed number, and one that is no connection any more, is not watched. */
inline addOnce(n) {
  atomic {
    if
    :: IS_CONNECTION(n) -> ARMED(n, file[n]) = 1
    :: else
    fi
  }
}

inline unwatch(n) {
  atomic {
    if
    :: IS_CONNECTION(n) -> ARMED(n, file[n]) = 0
    :: else
    fi
  }
}

inline take(n, who, its) {
  inQueue[n] = 0;
  if
  :: file[n] == PLACEHOLDER -> put(n, NOTHING)
  :: else ->
    assert(file[n] == 1 || file[n] == 2);
    assert(reader[file[n]] == 0);
    reader[file[n]] = who;
    its = n
  fi
}

#ifdef WORKER_DEATH
#define STEP(...) if :: __VA_ARGS__ :: deaths < MOST_DEATHS -> goto dead fi;
#else
#define STEP(...) __VA_ARGS__;
#endif

init {
  d_step {
    file[1] = 1; reader[1] = 1; socket = 1;
    file[2] = 2; reader[2] = 2; socketOfOther = 2
  };
  atomic { run Worker(); run Parker(); run Main() }
}

proctype Worker() {
  byte m, c, was;

again:
  atomic { moving = 0; m = 0; c = 0 };
end_again:
  if
  :: atomic { socket == 0 && inQueue[1] -> take(1, 1, socket); goto again }
  :: atomic { socket == 0 && inQueue[2] -> take(2, 1, socket); goto again }
  :: atomic { socket == 0 && inQueue[3] -> take(3, 1, socket); goto again }
  :: atomic { socket != 0 && readable[file[socket]] -> readable[file[socket]] = 0; goto again }
    /* From here on this thread runs no event loop until it has dropped or kept the socket, so it does not read. */
  :: atomic { socket != 0 && IS_FREE && parkerRuns && !stopping -> moving = 1; c = file[socket]; assert(reader[c] == 1); reader[c] = 0; m = LOWEST_FREE };
#ifdef DUPLICATE_FIRST
    STEP(put(m, c))
#else
    STEP(put(m, PLACEHOLDER))
    STEP(note[m] = RESERVED)
    STEP(reserved = m)
#ifndef END_LATE
    STEP(tableEnd = (tableEnd < m -> m : tableEnd))
#endif
    STEP(put(m, c))
#endif
#ifdef UNRESERVE_FIRST
    STEP(reserved = 0)
#endif
    STEP(note[m] = STAMP(c))
#if defined(END_LATE) || defined(DUPLICATE_FIRST)
    STEP(tableEnd = (tableEnd < m -> m : tableEnd))
#endif
    STEP(reserved = 0)
#ifdef FULL
    if
    :: addOnce(m)
    :: goto takeBack
#ifdef WORKER_DEATH
    :: deaths < MOST_DEATHS -> goto dead
#endif
    fi;
#else
    STEP(addOnce(m))
#endif
#ifdef LOOK_NOT
    goto drop;
#else
    if
    :: atomic { parkerRuns && !stopping -> goto drop }
    :: atomic { !(parkerRuns && !stopping) -> goto takeBack }
    fi;
#endif
takeBack:
    STEP(reserved = m)
#ifdef TAKE_BACK_UNCOMPARED
    STEP(note[m] = RESERVED)
#else
    if
    :: atomic { note[m] == STAMP(c) -> note[m] = RESERVED }
    :: atomic { note[m] != STAMP(c) -> reserved = 0; goto drop }
#ifdef WORKER_DEATH
    :: deaths < MOST_DEATHS -> goto dead
#endif
    fi;
#endif
    STEP(unwatch(m))
#ifdef CLOSE_MARKED
    STEP(atomic { assert(file[m] == c); put(m, NOTHING) })
#else
    STEP(atomic { assert(file[m] == c); put(m, PLACEHOLDER) })
#endif
    STEP(note[m] = TAKEN_BACK)
    STEP(reserved = 0)
#ifndef CLOSE_MARKED
    STEP(atomic { assert(file[m] == PLACEHOLDER); put(m, NOTHING) })
#endif
    atomic { assert(reader[c] == 0); reader[c] = 1; goto again }
drop:
    STEP(atomic { put(socket, NOTHING); socket = 0; goto again })
#ifdef WORKER_DEATH
  :: atomic { socket != 0 && deaths < MOST_DEATHS -> moving = 1; goto dead }
#endif
  fi;

#ifdef WORKER_DEATH
dead:
  /* Its socket closes with it, and what it read ends. A placeholder may stay, which does no harm. */
  atomic {
    if
    :: socket != 0 ->
      c = file[socket];
      reader[c] = (reader[c] == 1 -> 0 : reader[c]);
      put(socket, NOTHING);
      socket = 0
    :: else
    fi;
    m = 0; c = 0;
    isDead = 1;
    deaths++
  };
  atomic { !isDead -> goto again }
#endif
}

#ifdef PARKER_DEATH
#define PARKER_STEP(...) if :: __VA_ARGS__ :: deaths < MOST_DEATHS -> goto dead fi;
#else
#define PARKER_STEP(...) __VA_ARGS__;
#endif

inline watchAll() {
  n = 1;
  do
  :: atomic { n <= tableEnd && IS_PARKED(note[n]) };
    PARKER_STEP(addOnce(n))
    n++
  :: atomic { n <= tableEnd && !IS_PARKED(note[n]) -> n++ }
  :: atomic { n > tableEnd -> n = 0; waiting[1] = 0; waiting[2] = 0; waiting[3] = 0; break }
  od
}

#define REPORTS(n) (!stopping && ((ARMED(n, 1) && readable[1]) || (ARMED(n, 2) && readable[2])))
#define MAY_EXPIRE(n) (!stopping && IS_PARKED(note[n]) && IS_CONNECTION(n) && !readable[file[n]])

inline report(number) {
  n = number;
  if
  :: ARMED(n, 1) && readable[1] -> ARMED(n, 1) = 0
  :: else -> ARMED(n, 2) = 0
  fi
}

proctype Parker() {
  byte n, c, was;
  bool isExpiring;

start:
#ifndef NO_FIRST_SEARCH
  watchAll();
#endif
  parkerRuns = 1;
rest:
  atomic { n = 0; c = 0; isExpiring = 0; parkerWaits = 1 };
end_rest:
  if
  :: atomic { stopping -> parkerWaits = 0; parkerLeft = 1; goto left }
  :: atomic { REPORTS(1) -> parkerWaits = 0; report(1) }
  :: atomic { REPORTS(2) -> parkerWaits = 0; report(2) }
  :: atomic { REPORTS(3) -> parkerWaits = 0; report(3) }
  :: atomic { !stopping && waiting[1] -> parkerWaits = 0; waiting[1] = 0; n = 1 }
  :: atomic { !stopping && waiting[2] -> parkerWaits = 0; waiting[2] = 0; n = 2 }
  :: atomic { !stopping && waiting[3] -> parkerWaits = 0; waiting[3] = 0; n = 3 }
    /* A time-out: a look whether there is nothing to read, then the claim. */
  :: atomic { MAY_EXPIRE(1) -> parkerWaits = 0; n = 1; isExpiring = 1 }
  :: atomic { MAY_EXPIRE(2) -> parkerWaits = 0; n = 2; isExpiring = 1 }
  :: atomic { MAY_EXPIRE(3) -> parkerWaits = 0; n = 3; isExpiring = 1 }
  :: atomic { !stopping && searchAgain -> parkerWaits = 0; searchAgain = 0 };
    watchAll();
    goto rest
#ifdef PARKER_DEATH
  :: atomic { !stopping && deaths < MOST_DEATHS -> goto dead }
#endif
  fi;

#ifdef HOLD_FIRST
  PARKER_STEP(inHand = n)
#endif
  atomic {
    c = (IS_PARKED(note[n]) -> note[n] - STAMP(0) : 0);
    if
    :: c == 0 && inHand == 0 -> goto rest
    :: c == 0 && inHand != 0
    :: c != 0
    fi
  };
#if !defined(CLAIM_UNNOTED) && !defined(HOLD_FIRST)
  PARKER_STEP(inHand = n)
#endif
#ifdef CLAIM_UNCOMPARED
  PARKER_STEP(note[n] = CLAIMED)
#else
  if
  :: atomic { c != 0 && note[n] == STAMP(c) -> note[n] = CLAIMED }
  :: atomic { !(c != 0 && note[n] == STAMP(c)) -> inHand = 0; goto rest }
#ifdef PARKER_DEATH
  :: deaths < MOST_DEATHS -> goto dead
#endif
  fi;
#endif
#ifdef CLAIM_UNNOTED
  PARKER_STEP(inHand = n)
#endif
  PARKER_STEP(unwatch(n))
  if
  :: isExpiring -> goto close
  :: atomic { !isExpiring -> assert(file[n] == c); inQueue[n] = 1; inHand = 0; goto rest }
#ifdef MAIL_UNNOTED
  :: !isExpiring
#else
  :: atomic { !isExpiring -> isMailed = 1 }
#endif
#ifdef PARKER_DEATH
  :: deaths < MOST_DEATHS -> goto dead
#endif
  fi;
  if
  :: atomic { !mailed[1] && !mailed[2] -> assert(file[n] == c); mailed[c] = 1 }
#ifdef FULL
  :: isMailed = 0;
    PARKER_STEP(note[n] = STAMP(c))
    PARKER_STEP(inHand = 0)
    atomic { waiting[n] = 1; goto rest }
#endif
#ifdef PARKER_DEATH
  :: deaths < MOST_DEATHS -> goto dead
#endif
  fi;

close:
#ifdef UNHAND_FIRST
  PARKER_STEP(atomic { inHand = 0; isMailed = 0 })
  PARKER_STEP(atomic { assert(file[n] == c); put(n, NOTHING) })
#else
#ifdef CLOSE_NOTED
  PARKER_STEP(atomic { assert(file[n] == c); put(n, NOTHING) })
  PARKER_STEP(atomic { inHand = 0; isMailed = 0 })
#else
  PARKER_STEP(atomic { assert(file[n] == c); put(n, PLACEHOLDER) })
  PARKER_STEP(atomic { inHand = 0; isMailed = 0 })
  PARKER_STEP(atomic { assert(file[n] == PLACEHOLDER); put(n, NOTHING) })
#endif
#endif
  goto rest;

#ifdef PARKER_DEATH
dead:
  atomic {
    n = 0; c = 0; isExpiring = 0; parkerWaits = 0;
    waiting[1] = 0; waiting[2] = 0; waiting[3] = 0;
    parkerDead = 1;
    deaths++
  };
  if
  :: atomic { !parkerDead && !parkerLeft -> goto start }
  :: atomic { !parkerDead && parkerLeft }
  fi;
#endif
left:
  skip
}

/* What is parked and nobody will watch: queued if there is something to read (or in any case), else closed. */
inline emptyTable(isAllWanted) {
  n = 1;
  do
  :: atomic { n <= tableEnd && IS_PARKED(note[n]) -> isWanted = isAllWanted || !IS_CONNECTION(n) || readable[file[n]]; c = note[n] - STAMP(0) };
    if
    :: atomic { note[n] == STAMP(c) -> note[n] = CLAIMED; assert(file[n] == c) };
      unwatch(n);
      if
      :: atomic { isWanted -> assert(file[n] == c); inQueue[n] = 1 }
      :: atomic { !isWanted -> assert(file[n] == c); put(n, NOTHING) }
      fi
    :: atomic { note[n] != STAMP(c) }
    fi;
    atomic { c = 0; isWanted = 0; n++ }
  :: atomic { n <= tableEnd && !IS_PARKED(note[n]) -> n++ }
  :: atomic { n > tableEnd -> n = 0; break }
  od
}

proctype Main() {
  byte n, c, was;
  bool isWanted;
end:
  do
  :: false
#ifdef WORKER_DEATH
  :: atomic { isDead && !isRecovering -> isRecovering = 1; n = reserved; reserved = 0 };
    if
    :: atomic { n != 0 && note[n] == RESERVED -> note[n] = TAKEN_BACK };
      if
      :: atomic { file[n] == PLACEHOLDER -> put(n, NOTHING) }
      :: atomic { file[n] != PLACEHOLDER -> assert(IS_CONNECTION(n)); inQueue[n] = 1 }
      fi
    :: atomic { !(n != 0 && note[n] == RESERVED) }
    fi;
#ifndef NO_SEARCH
    searchAgain = 1;
#endif
#if defined(STOP) && !defined(EMPTY_ONCE)
    if
    :: isEmptied -> emptyTable(false)
    :: !isEmptied
    fi;
#endif
    atomic { n = 0; isDead = 0; moving = 0; isRecovering = 0 }
#endif
#ifdef PARKER_DEATH
  :: atomic { parkerDead && !isRecovering -> isRecovering = 1; n = inHand };
    if
    :: atomic { n != 0 && isMailed -> inHand = 0; isMailed = 0; put(n, NOTHING) }
#ifdef TRUST_NOTE
    :: atomic { n != 0 && !isMailed -> inHand = 0; assert(file[n] != NOTHING); assert(!inQueue[n]); inQueue[n] = 1 }
#else
    :: atomic { n != 0 && !isMailed && note[n] == CLAIMED -> inHand = 0; assert(file[n] != NOTHING); assert(!inQueue[n]); inQueue[n] = 1 }
    :: atomic { n != 0 && !isMailed && note[n] != CLAIMED -> inHand = 0 }
#endif
    :: n == 0
    fi;
    n = 0;
    if
    :: atomic { stopping -> parkerLeft = 1; parkerDead = 0; isRecovering = 0 }
    :: atomic { !stopping -> parkerDead = 0; isRecovering = 0 }
#ifdef NO_PARKER
    :: atomic { !stopping -> parkerRuns = 0 };
      emptyTable(true);
      atomic { parkerDead = 0; isRecovering = 0 }
#endif
    fi
#endif
#ifdef STOP
  :: atomic { !stopping -> stopping = 1 }
  :: atomic { parkerLeft && !isRecovering && !isEmptied -> isEmptied = 1; isRecovering = 1 };
    emptyTable(false);
    isRecovering = 0
#endif
  od
}

/* The second worker thread; the clients; and other processes, which take what is mailed and serve it to its end. */
active proctype Others() {
  byte was;
end:
  do
  :: atomic { !over[1] && !readable[1] -> readable[1] = 1 }
  :: atomic { !over[2] && !readable[2] -> readable[2] = 1 }
  :: atomic { mailed[1] -> assert(reader[1] == 0); mailed[1] = 0; lose(1) }
  :: atomic { mailed[2] -> assert(reader[2] == 0); mailed[2] = 0; lose(2) }
  :: atomic { socketOfOther == 0 && inQueue[1] -> take(1, 2, socketOfOther) }
  :: atomic { socketOfOther == 0 && inQueue[2] -> take(2, 2, socketOfOther) }
  :: atomic { socketOfOther == 0 && inQueue[3] -> take(3, 2, socketOfOther) }
  :: atomic { socketOfOther != 0 && readable[file[socketOfOther]] -> readable[file[socketOfOther]] = 0 }
    /* Its duplicate gets the number that its socket had. */
  :: atomic { socketOfOther != 0 && parkerRuns && !stopping ->
      assert(reader[file[socketOfOther]] == 2);
      reader[file[socketOfOther]] = 0;
      tableEnd = (tableEnd < socketOfOther -> socketOfOther : tableEnd);
      note[socketOfOther] = STAMP(file[socketOfOther]);
      ARMED(socketOfOther, file[socketOfOther]) = 1;
      socketOfOther = 0 }
  :: atomic { socketOfOther != 0 -> put(socketOfOther, NOTHING); socketOfOther = 0 }
  od
}

#define HAS_OWNER(n) (socket == n || socketOfOther == n || inQueue[n] || IS_PARKED(note[n]))
#define IS_LOST(n) (IS_CONNECTION(n) && !HAS_OWNER(n))
#define IS_OVERLOOKED(n) (IS_PARKED(note[n]) && IS_CONNECTION(n) && readable[file[n]] && !ARMED(n, file[n]) && !waiting[n])
#define RESTS (!moving && !isDead && !isRecovering && !parkerDead)

active proctype Monitor() {
end:
  do
  :: atomic { RESTS && (parkerWaits || parkerLeft) && (IS_LOST(1) || IS_LOST(2) || IS_LOST(3)) -> assert(false) }
  :: atomic { RESTS && parkerWaits && !searchAgain && !stopping && (IS_OVERLOOKED(1) || IS_OVERLOOKED(2) || IS_OVERLOOKED(3)) -> assert(false) }
#ifdef STOP
  :: atomic { RESTS && isEmptied && (IS_PARKED(note[1]) || IS_PARKED(note[2]) || IS_PARKED(note[3])) -> assert(false) }
#endif
  od
}
