/*
 * A connection moves from a process that leaves to one that stays: src/sync/transfer.ts, `#move` of src/parker/parker.ts, `#go` of
 * src/worker/idle-connections.ts, src/parker/arrivals.ts and `#lookWhetherStuck` of src/parent/children/takeover.ts.
 *
 * One connection, whose client sends when it likes, the next request when the last one is answered. It is parked in the leaving process, or,
 * with HELD, a socket of one of its threads. The staying process takes it, parks it, and serves what comes. The transfer may be full
 * at moments (FULL). With LEAVER_DEATH the leaving process is killed at any step, with PARKER_DEATH its parker dies, and another one
 * comes; with RECEIVER_DEATH the parker of the staying process dies and another one comes, with RECEIVER_KILLED that process is killed.
 *
 * Abstractions: parking.pml has what happens inside a process: the numbers of descriptors, the table, the queue and the mailbox. Here a
 * process hands what is readable to a thread in one step, and that thread parks or holds it again in one step.
 *
 * Properties: (1) no two read the connection at a time; (2) each request is answered, once, unless the connection was that of a process
 * that was killed, or nobody was left to take it; (3) at the end nobody but one has it, and that one sees what comes next.
 *
 * What is given up knowingly: a connection whose receiver's parker dies between `take` and the note in hand.
 */
#define NOTHING 0
#define CLAIMED 1
#define PARKED 2
#define IN_HAND 1
#define MAILED 2
#define REQUESTS 2

/* Who has a descriptor of it. */
bool ofParker, ofThread, inTransfer, ofReceiver
bool watched, watchedThere
byte note, noteThere, hand, handThere
bool readable
byte sent, answered, reader
bool isExcused, hasLeft, isKilled, hasDied, isKilledThere
bool parkerDead, receiverDead

#define IS_OPEN (ofParker || ofThread || inTransfer || ofReceiver)

#ifdef FULL
bool wasFull
#define HAS_ROOM (wasFull)
#else
#define HAS_ROOM true
#endif

/* A step of the leaving process; it may be killed before, or its parker may die. */
#ifdef LEAVER_DEATH
#define STEP(...) if :: atomic { !isKilled -> __VA_ARGS__ } :: isKilled -> goto over fi;
#else
#ifdef PARKER_DEATH
#define STEP(...) if :: atomic { __VA_ARGS__ } :: atomic { !hasDied -> hasDied = 1; goto dead } fi;
#else
#define STEP(...) atomic { __VA_ARGS__ };
#endif
#endif

#ifdef RECEIVER_DEATH
#define STEP_THERE(...) if :: atomic { __VA_ARGS__ } :: atomic { !hasDied -> hasDied = 1; goto dead } fi;
#else
#ifdef RECEIVER_KILLED
#define STEP_THERE(...) if :: atomic { !isKilledThere -> __VA_ARGS__ } :: isKilledThere -> goto over fi;
#else
#define STEP_THERE(...) atomic { __VA_ARGS__ };
#endif
#endif

inline read(who) { assert(reader == 0); reader = who; readable = 0 }
inline answer() { answered++; reader = 0 }

init {
  atomic {
#ifdef HELD
    ofThread = 1;
#else
    ofParker = 1; note = PARKED; watched = 1;
#endif
    run Client(); run Parker(); run Thread(); run Receiver(); run Others()
  }
}

proctype Client() {
end_client:
  do
  :: atomic { sent < REQUESTS && sent == answered && IS_OPEN -> sent++; readable = 1 }
  od
}

/* Of the leaving process. */
proctype Parker() {
begin:
  atomic { parkerDead = 0;
    /* A new one watches what is noted. */
    if
    :: note == PARKED -> watched = 1
    :: else
    fi };
end_parker:
  do
  :: atomic { watched && readable && note == PARKED && !isKilled -> watched = 0 };
     STEP(hand = IN_HAND)
     STEP(note = CLAIMED)
     /* A thread serves it. */
     STEP(ofThread = 1; ofParker = 0; hand = NOTHING; note = NOTHING)
  :: atomic { note == PARKED && ofParker && !isKilled -> skip };
     STEP(hand = IN_HAND)
     STEP(note = CLAIMED)
     STEP(watched = 0)
#ifndef MOVE_UNNOTED
     STEP(hand = MAILED)
#endif
     if
     :: HAS_ROOM ->
        STEP(inTransfer = 1)
        STEP(ofParker = 0)
        STEP(hand = NOTHING; note = NOTHING)
     :: !HAS_ROOM ->
        STEP(hand = IN_HAND)
#ifndef KEEP_CLAIMED
        STEP(note = PARKED)
#endif
        STEP(hand = NOTHING)
        STEP(watched = 1)
     fi
  od;
#ifdef PARKER_DEATH
dead:
  atomic { parkerDead = 1;
    if
    :: hand == MAILED -> ofParker = 0;
      /* Between the note and the mail: lost with the parker, as in parking.pml. */
      if
      :: !IS_OPEN -> isExcused = 1
      :: else
      fi
    :: hand == IN_HAND && note == CLAIMED -> ofThread = 1; ofParker = 0
    :: else
    fi;
    if
    :: note == CLAIMED -> note = NOTHING
    :: else
    fi;
    hand = NOTHING };
  goto begin;
#endif
over:
  skip
}

/* Of the leaving process. It gives away what is idle, and serves what is not. */
proctype Thread() {
end_thread:
  do
  :: atomic { ofThread && readable && !isKilled -> read(1) };
     if
     :: atomic { !isKilled -> answer() }
     :: isKilled -> goto over
     fi
  :: atomic { ofThread && !readable && HAS_ROOM && !isKilled -> skip };
     /* It reads nothing from here to the end of its socket. */
#ifdef DROP_FIRST
     if
     :: atomic { !isKilled -> ofThread = 0 }
     :: isKilled -> goto over
     fi;
     inTransfer = IS_OPEN
#else
     if
     :: atomic { !isKilled -> inTransfer = 1 }
     :: isKilled -> goto over
     fi;
#ifdef READ_ON
     if
     :: atomic { readable && !isKilled -> read(1) };
        if
        :: atomic { !isKilled -> answer() }
        :: isKilled -> goto over
        fi
     :: !isKilled
     :: isKilled -> goto over
     fi;
#endif
     if
     :: atomic { !isKilled -> ofThread = 0 }
     :: isKilled -> goto over
     fi
#endif
  od;
over:
  skip
}

/* The parker of the process that stays, and its thread. */
proctype Receiver() {
begin:
  atomic { receiverDead = 0;
    if
    :: noteThere == PARKED -> watchedThere = 1
    :: else
    fi };
end_receiver:
  do
  :: atomic { inTransfer && !isKilledThere -> inTransfer = 0; ofReceiver = 1; noteThere = CLAIMED; handThere = IN_HAND };
#ifdef UNHAND_FIRST
     STEP_THERE(handThere = NOTHING)
     STEP_THERE(noteThere = PARKED)
#else
     STEP_THERE(noteThere = PARKED)
     STEP_THERE(handThere = NOTHING)
#endif
#ifdef WATCH_NEWS
     /* Only what comes from now on is reported. */
     STEP_THERE(watchedThere = !readable)
#else
     STEP_THERE(watchedThere = 1)
#endif
  :: atomic { watchedThere && readable && noteThere == PARKED && !isKilledThere -> watchedThere = 0 };
     STEP_THERE(handThere = IN_HAND)
     STEP_THERE(noteThere = CLAIMED)
     STEP_THERE(handThere = NOTHING; noteThere = NOTHING; read(2))
     /* The thread answers, whatever becomes of the parker, and parks it again. */
     if
     :: atomic { !isKilledThere -> answer(); noteThere = PARKED; watchedThere = 1 }
     :: isKilledThere -> goto over
     fi
  od;
#ifdef RECEIVER_DEATH
dead:
  atomic { receiverDead = 1;
    if
    :: handThere == IN_HAND && noteThere == CLAIMED -> noteThere = PARKED /* a thread has it, and parks it again */
    :: else
    fi;
    handThere = NOTHING };
  goto begin;
#endif
over:
  skip
}

/* Those who kill, the parent, and the end. */
proctype Others() {
  do
#ifdef FULL
  :: atomic { !wasFull -> wasFull = 1 }
#endif
#ifdef LEAVER_DEATH
  :: atomic { !isKilled -> isKilled = 1;
       /* What is on its way goes on, but not what was being answered. */
       isExcused = isExcused || reader == 1 || ((ofParker || ofThread) && !inTransfer && !ofReceiver);
       reader = (reader == 1 -> 0 : reader);
       ofParker = 0; ofThread = 0; watched = 0; note = NOTHING }
#endif
#ifdef RECEIVER_KILLED
  :: atomic { !isKilledThere -> isKilledThere = 1;
       isExcused = isExcused || ofReceiver;
       reader = (reader == 2 -> 0 : reader);
       ofReceiver = 0; watchedThere = 0; noteThere = NOTHING }
#endif
  :: break
  od;
#ifdef FULL
  wasFull = 1;
#endif
end_others:
  timeout;
#ifndef NO_PARENT
  /* Nobody takes it: the parent sees the end of it. */
  atomic {
    if
    :: inTransfer -> inTransfer = 0;
      if
      :: !IS_OPEN -> isExcused = isKilledThere
      :: else
      fi
    :: else
    fi }
#endif
  assert(reader == 0);
  assert(isExcused || sent == answered);
  assert(isExcused || IS_OPEN);
  assert(!IS_OPEN || (ofParker + ofThread + inTransfer + ofReceiver == 1));
  assert(!IS_OPEN || ofThread || (ofParker && watched && note == PARKED) ||
    (ofReceiver && watchedThere && noteThere == PARKED))
}
