/*
 * Refusing for threads that are blocked: src/sync/late-refusal.ts, `look`, beside worker threads as in src/worker/front-door.ts.
 *
 * The listener threads of two children over one backlog and the pool's mailbox, and a worker thread that is blocked, or not, as the model
 * likes. Clients connect at any moment. Time goes in ticks: it goes on when both listener threads have done what is due, since their
 * looks come many times in each `queueTimeout`.
 *
 * With FULL the mailbox has room for one only, and the next young one goes into the queue of the listener thread's own child. With FREE the
 * worker thread is free for a while.
 *
 * Abstractions: both order their sources as they like; a refusal is one step; a tick is the clock's step, and the wait of one
 * connection is known exactly.
 *
 * Properties: (1) nobody is refused who has not waited for longer than LATE; (2) at the end, with the worker thread free, each
 * connection was served or refused: none is lost, and none is in two hands; (3) while the worker thread is blocked, nobody waits
 * for longer than MOST: the place in the mailbox behind others costs at most as much again.
 */
#ifdef FREE
#define CLIENTS 3
#define LAST 7
#else
#define CLIENTS 4 /* so that one can overtake another in the mailbox */
#define LAST 9
#endif
#define LATE 2
#define MOST (2 * LATE + 1)

byte clock
byte since[CLIENTS]
bool isThere[CLIENTS], isOver[CLIENTS]
bool isBlocked = 1
bool hasBeenFree
byte blockedAt
bool hasLooked[2]
byte nextAt[2]

#ifdef FULL
#define ROOM 1
#else
#define ROOM CLIENTS
#endif

chan backlog = [CLIENTS] of { byte }
chan mailbox = [ROOM] of { byte }
chan own = [CLIENTS] of { byte } /* the queues of both children: the worker thread stands for those of both */

#define HAS_WAITED(one) (clock - since[one])
/* A listener thread that sleeps until something can be late has nothing to do. */
#define DUE_DONE(i) (hasLooked[i] || clock < nextAt[i])
/* In the queue of a child nobody refuses: its own threads find it late when they come to it. */
#define WAITS_ELSEWHERE (len(own) > 0)

inline end(one) {
  assert(isThere[one] && !isOver[one]);
  isOver[one] = 1
}

active proctype Clients() {
  byte next;
  do
  :: atomic { next < CLIENTS && clock < LAST - MOST ->
       since[next] = clock; isThere[next] = 1; backlog!next; next++ }
  :: break
  od
}

active [2] proctype Listener() {
  byte one, young, soonest;
  byte me = _pid - 1;
end_sleep:
  do
  :: atomic { clock >= nextAt[me] && isBlocked && !hasLooked[me] -> young = 0; soonest = LATE };
     do
     :: atomic { young < 2 && isBlocked && len(backlog) > 0 -> backlog?one };
        goto took
     :: atomic { young < 2 && isBlocked && len(mailbox) > 0 -> mailbox?one };
took:
        if
#ifdef REFUSE_UNCOMPARED
        :: atomic { isThere[one] -> assert(HAS_WAITED(one) > LATE); end(one) }
#else
        :: atomic { HAS_WAITED(one) > LATE -> assert(HAS_WAITED(one) > LATE); end(one) }
        :: atomic { HAS_WAITED(one) <= LATE ->
             young++;
             if
             :: soonest > LATE - HAS_WAITED(one) -> soonest = LATE - HAS_WAITED(one)
             :: else
             fi };
           if
           :: atomic { len(mailbox) < ROOM -> mailbox!one }
#ifdef DROP_YOUNG
           :: atomic { len(mailbox) == ROOM -> skip }
#else
           :: atomic { len(mailbox) == ROOM -> own!one }
#endif
           fi
#endif
        fi
     :: atomic { !(young < 2 && isBlocked && len(backlog) + len(mailbox) > 0) -> break }
     od;
     atomic {
       if
       :: young == 0 -> nextAt[me] = 0
#ifdef SLEEP_LONG
       :: else -> nextAt[me] = clock + 3 * LATE
#else
       :: else -> nextAt[me] = clock + soonest + 1 /* late is what is more than LATE */
#endif
       fi;
       hasLooked[me] = 1; one = 0; young = 0; soonest = 0
     }
  od
}

/* Served if young, refused if late: either way it is over. */
active proctype Worker() {
  byte one;
end_worker:
  do
  :: atomic { !isBlocked && len(own) > 0 -> own?one; end(one); one = 0 }
  :: atomic { !isBlocked && len(mailbox) > 0 -> mailbox?one; end(one); one = 0 }
  :: atomic { !isBlocked && len(backlog) > 0 -> backlog?one; end(one); one = 0 }
  od
}

/* The clock, and who blocks the worker thread. */
active proctype Time() {
  byte one;
  do
  :: atomic { clock < LAST && (!isBlocked || (DUE_DONE(0) && DUE_DONE(1))) ->
       one = 0;
       do
       :: one < CLIENTS ->
          assert(!isBlocked || !isThere[one] || isOver[one] || WAITS_ELSEWHERE ||
            HAS_WAITED(one) <= MOST || clock - blockedAt <= MOST);
          one++
       :: else -> break
       od;
       one = 0;
       clock++; hasLooked[0] = 0; hasLooked[1] = 0 }
#ifdef FREE
  :: atomic { clock < LAST && isBlocked && !hasBeenFree -> isBlocked = 0; hasBeenFree = 1 }
  :: atomic { clock < LAST && !isBlocked -> isBlocked = 1; blockedAt = clock }
#endif
  :: atomic { clock == LAST -> isBlocked = 0; break }
  od
end_over:
  timeout;
  one = 0;
  do
  :: one < CLIENTS -> assert(!isThere[one] || isOver[one]); one++
  :: else -> break
  od
}
