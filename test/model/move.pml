/*
 * A connection moves from a process that leaves to one that stays: src/sync/transfer.ts, `#move` of src/parker/parker.ts, `#go` of
 * src/worker/idle-connections.ts, src/worker/departures.ts, src/parker/arrivals.ts, src/child/drain.ts and
 * `#lookWhetherStuck` of src/parent/children/takeover.ts.
 *
 * One connection, whose client sends when it likes, the next request when the last one is answered. It is parked in the leaving process, or,
 * with HELD, a socket of one of its threads. The staying process takes it, parks it, and serves what comes. The transfer may be full
 * at moments (FULL). With LEAVER_DEATH the leaving process is killed at any step, with PARKER_DEATH its parker dies, and another one
 * comes; with RECEIVER_DEATH the parker of the staying process dies and another one comes, with RECEIVER_KILLED that process is killed.
 *
 * With LEAVES the leaving process comes to its end: when all that was parked has moved, parking is over, and it leaves when its threads hold
 * nothing and nothing is on its way. It may lose its patience at any moment in which something is: then whatever is on its way is taken back and
 * served here, and its client is asked to go. With NO_ROOM the other process takes nothing from some moment on (it has no number left, or
 * the whole pool ends). With FOLLOWS the connection is a socket of a thread that has begun to leave before its process: it parks what is
 * idle for the other thread, and when parking is over it follows its process out.
 *
 * Abstractions: parking.pml has what happens inside a process: the numbers of descriptors, the table, the queue and the mailbox. Here a
 * process hands what is readable to a thread in one step, and that thread parks or holds it again in one step.
 *
 * Properties: (1) no two read the connection at a time; (2) each request is answered, once, unless the connection was that of a process
 * that was killed, or nobody was left to take it; (3) at the end nobody but one has it, and that one sees what comes next; (4) the
 * process that leaves comes to its end.
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
bool ofParker, ofThread[3], inTransfer, ofReceiver
bool watched, watchedThere
byte note, noteThere, hand, handThere
bool readable
byte sent, answered, reader
bool isExcused, isKilled, hasDied, isKilledThere
bool parkerDead, receiverDead, parkerBusy
/* Nobody parks any more; what is on its way is taken back; the other process takes nothing. */
bool parkingOver, isStuck, hasNoRoom
/* A response has told the client that it is the last one; the client has gone; the process has left. */
bool isAsked, hasGone, hasLeft

/* The one that leaves before its process, the one that does not, and whoever takes back what that one has sent (he may still have his socket). */
#define EARLY 0
#define USUAL 1
#define TAKER 2
#define IS_THREADS (ofThread[EARLY] || ofThread[USUAL] || ofThread[TAKER])
#define IS_OPEN (ofParker || IS_THREADS || inTransfer || ofReceiver)
/* Readers of the leaving process: its threads. */
#define READS_HERE (reader >= 1 && reader <= 3)
#define RECEIVER 4

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

/* The compare-and-exchange of `Parking.claim`. A thread may have taken back what it had noted. */
#define CLAIM isClaimed = (note == PARKED); note = (note == PARKED -> CLAIMED : note)

inline read(who) { assert(reader == 0); reader = who; readable = 0 }
inline answer() { answered++; reader = 0 }

init {
  atomic {
#ifdef FOLLOWS
    ofThread[EARLY] = 1; run Thread(EARLY);
#else
#ifdef HELD
    ofThread[USUAL] = 1;
#else
    ofParker = 1; note = PARKED; watched = 1;
#endif
#endif
    run Client(); run Parker(); run Thread(USUAL); run Receiver();
#ifdef LEAVES
    run Leaver(); run Thread(TAKER);
#endif
    run Others()
  }
}

proctype Client() {
end_client:
  do
  :: atomic { sent < REQUESTS && sent == answered && IS_OPEN && !isAsked -> sent++; readable = 1 }
#ifdef LEAVES
  /* It was asked to go, or has been idle for so long that a process that finds nobody to take it closes the connection. */
  :: atomic { isStuck && IS_THREADS && !inTransfer && !ofParker && !ofReceiver && sent == answered && reader == 0 ->
       ofThread[EARLY] = 0; ofThread[USUAL] = 0; ofThread[TAKER] = 0; hasGone = 1 }
#endif
  od
}

/* Of the leaving process. */
proctype Parker() {
  bool isClaimed;
begin:
  atomic { parkerDead = 0;
    /* A new one watches what is noted. */
    if
    :: note == PARKED -> watched = 1
    :: else
    fi };
end_parker:
  do
  :: atomic { watched && readable && note == PARKED && !isKilled && !parkingOver -> watched = 0; parkerBusy = 1 };
     STEP(hand = IN_HAND)
     STEP(CLAIM)
     if
     :: !isClaimed ->
        STEP(hand = NOTHING; parkerBusy = 0)
        goto end_parker
     :: else
     fi;
     /* A thread serves it. */
     STEP(ofThread[USUAL] = 1; ofParker = 0; hand = NOTHING; note = NOTHING; parkerBusy = 0)
  :: atomic { note == PARKED && ofParker && !isKilled && !parkingOver && !isStuck -> parkerBusy = 1 };
     STEP(hand = IN_HAND)
     STEP(CLAIM)
     if
     :: !isClaimed ->
        STEP(hand = NOTHING; parkerBusy = 0)
        goto end_parker
     :: else
     fi;
     STEP(watched = 0)
#ifndef MOVE_UNNOTED
     STEP(hand = MAILED)
#endif
     if
     :: HAS_ROOM ->
        STEP(inTransfer = 1)
        STEP(ofParker = 0)
        STEP(hand = NOTHING; note = NOTHING; parkerBusy = 0)
     :: !HAS_ROOM ->
        STEP(hand = IN_HAND)
#ifndef KEEP_CLAIMED
        STEP(note = PARKED)
#endif
        STEP(hand = NOTHING)
        STEP(watched = 1; parkerBusy = 0)
     fi
  od;
#ifdef PARKER_DEATH
dead:
  atomic { parkerDead = 1; parkerBusy = 0;
    if
    :: hand == MAILED -> ofParker = 0;
      /* Between the note and the mail: lost with the parker, as in parking.pml. */
      if
      :: !inTransfer && !ofReceiver && !ofThread[TAKER] -> isExcused = 1
      :: else
      fi
    :: hand == IN_HAND && note == CLAIMED -> ofThread[USUAL] = 1; ofParker = 0
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

/* A thread of the leaving process. It serves what is not idle, and gives away what is. */
proctype Thread(byte me) {
end_thread:
  do
  :: atomic { ofThread[me] && readable && !isKilled -> read(me + 1) };
     if
     :: atomic { !isKilled -> isAsked = isStuck; answer() }
     :: isKilled -> goto over
     fi
#ifdef FOLLOWS
  /* `Parking.park`: the note, then a look whether parking is over, and perhaps all back. It reads nothing meanwhile. */
  :: atomic { me == EARLY && ofThread[me] && !readable && !parkingOver && note == NOTHING && !isKilled -> skip };
     if
     :: atomic { !isKilled -> ofParker = 1; note = PARKED; watched = 1 }
     :: isKilled -> goto over
     fi;
     if
     :: atomic { !isKilled ->
          if
          :: parkingOver && note == PARKED -> note = NOTHING; watched = 0; ofParker = 0
          :: else -> ofThread[me] = 0
          fi }
     :: isKilled -> goto over
     fi
#ifdef STAYS_BEHIND
  :: atomic { me != EARLY && ofThread[me] && !readable && HAS_ROOM && !isKilled && !isStuck -> skip };
#else
  :: atomic { (me != EARLY || parkingOver) && ofThread[me] && !readable && HAS_ROOM && !isKilled && !isStuck -> skip };
#endif
#else
  :: atomic { ofThread[me] && !readable && HAS_ROOM && !isKilled && !isStuck -> skip };
#endif
     /* It reads nothing from here to the end of its socket. */
#ifdef DROP_FIRST
     if
     :: atomic { !isKilled -> ofThread[me] = 0 }
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
     :: atomic { readable && !isKilled -> read(me + 1) };
        if
        :: atomic { !isKilled -> answer() }
        :: isKilled -> goto over
        fi
     :: !isKilled
     :: isKilled -> goto over
     fi;
#endif
     if
     :: atomic { !isKilled -> ofThread[me] = 0 }
     :: isKilled -> goto over
     fi
#endif
  od;
over:
  skip
}

#ifdef LEAVES
/* The leaving process: its main thread, until parking is over, and then its threads, which wait for what they have sent. */
proctype Leaver() {
  if
  :: isKilled -> goto over
  :: atomic { note == NOTHING && !parkerBusy && !inTransfer && !isKilled -> skip }
  :: atomic { (note != NOTHING || inTransfer) && !isKilled -> isStuck = 1 }
  fi;
  parkingOver = 1;
  /* The parker ends what it has begun. What is parked then goes to a thread. */
  if
  :: isKilled -> goto over
  :: atomic { !parkerBusy && !isKilled ->
       if
       :: note == PARKED -> note = NOTHING; watched = 0; ofParker = 0; ofThread[USUAL] = 1
       :: else
       fi }
  fi;
  do
  :: isKilled -> break
#ifndef TAKE_NOTHING_BACK
  :: atomic { inTransfer && !isKilled -> isStuck = 1; inTransfer = 0; ofThread[TAKER] = 1 }
#endif
#ifdef LEAVE_AT_ONCE
  :: atomic { !IS_THREADS && !ofParker && !isKilled -> hasLeft = 1; break }
#else
  :: atomic { !IS_THREADS && !ofParker && !inTransfer && !isKilled -> hasLeft = 1; break }
#endif
  od;
over:
  skip
}
#endif

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
  :: atomic { inTransfer && !isKilledThere && !hasNoRoom -> inTransfer = 0; ofReceiver = 1; noteThere = CLAIMED; handThere = IN_HAND };
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
     STEP_THERE(handThere = NOTHING; noteThere = NOTHING; read(RECEIVER))
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
#ifdef NO_ROOM
  :: atomic { !hasNoRoom -> hasNoRoom = 1 }
#endif
#ifdef LEAVER_DEATH
  :: atomic { !isKilled && !hasLeft -> isKilled = 1;
       /* What is on its way goes on, but not what was being answered. */
       isExcused = isExcused || READS_HERE || ((ofParker || IS_THREADS) && !inTransfer && !ofReceiver);
       reader = (READS_HERE -> 0 : reader);
       ofParker = 0; ofThread[EARLY] = 0; ofThread[USUAL] = 0; ofThread[TAKER] = 0; watched = 0; note = NOTHING }
#endif
#ifdef RECEIVER_KILLED
  :: atomic { !isKilledThere -> isKilledThere = 1;
       isExcused = isExcused || ofReceiver;
       reader = (reader == RECEIVER -> 0 : reader);
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
  /* Nobody takes it, and its sender has died or does not look: the parent sees the end of it. */
  atomic {
    if
#ifdef LEAVES
    :: inTransfer && isKilled -> inTransfer = 0;
#else
    :: inTransfer -> inTransfer = 0;
#endif
      if
      :: !IS_OPEN -> isExcused = isKilledThere || hasNoRoom
      :: else
      fi
    :: else
    fi }
#endif
  assert(reader == 0);
  assert(isExcused || sent == answered);
  assert(isExcused || IS_OPEN || hasGone);
#ifdef LEAVES
  assert(hasLeft || isKilled);
#endif
  assert(!IS_OPEN || (ofParker + ofThread[EARLY] + ofThread[USUAL] + ofThread[TAKER] + inTransfer + ofReceiver == 1));
  assert(!IS_OPEN || IS_THREADS || (ofParker && watched && note == PARKED) ||
    (ofReceiver && watchedThere && noteThere == PARKED))
}
