/*
 * The hand-off of descriptors from the listener thread to the worker threads of one child.
 *
 * Models src/sync/hand-off.ts with standings.ts, wake-ups.ts, listener-sleep.ts and self-service.ts in single loads and stores, the waiting of src/listener/mutex-loop.ts and intake.ts, the
 * rule of src/listener/admission.ts, the loop `takeUntil` of src/worker/lease.ts and `adopt` of src/worker/activity.ts. With
 * EXCLUSIVE the listener thread takes no mutex, so that threads serve themselves at the same time (exclusive-loop.ts).
 *
 * One listener thread, two worker threads. A worker becomes idle, open or busy by itself at any moment (handlers end and
 * wait, keep-alive requests arrive). With DEATH worker 1 may die at any step of a take and is
 * recovered. With AHEAD the listener thread wakes a thread before it accepts. To keep those two small, no worker becomes open then.
 *
 * Abstractions: a descriptor is a unit in the ring (fd-queue.pml has the ring itself); an event count is a flag that is
 * cleared where the count is read; `next to wake` is any idle thread; every batch is two; no other child has an idle
 * thread; the time-outs of 10 ms, which are for threads that user code blocks, do not exist: nobody may rely on them.
 *
 * Properties: when nothing more happens by itself, (1) no descriptor is in the ring while a thread is idle, or, when none is,
 * while one is open; (2) no connection waits in the backlog while the listener thread sleeps for capacity that
 * is there; (3) the ring never holds more than the threads can account for; (4) no deadlock.
 */
#define MOST_WAITING 1 /* connections in the backlog at a time; more come at any moment */
#define MOST_QUEUED 8

byte backlog, queue
bool idle[2], open[2], pending[2] /* pending: the wake count has grown since it was read */
bool asleep, grown /* listener asleep; the capacity count has grown since it was read */
bool turn /* held */
bool moving[2], waits /* waits: the listener thread sleeps for capacity */
bool isPolling

#ifdef AHEAD
bool called[2] /* the woken bits */
#define CALL(thread) called[thread] = 1; pending[thread] = 1
#else
#define CALL(thread) pending[thread] = 1
#endif

#define ANY_IDLE (idle[0] || idle[1])
#define ANY_OPEN (open[0] || open[1])
#define ACCEPTABLE(queued) (idle[0] + idle[1] > queued || (queued == 0 && ANY_OPEN))

inline wakeOne() {
  if
  :: idle[0] -> CALL(0)
  :: idle[1] -> CALL(1)
  :: !ANY_IDLE ->
    if
    :: open[0] -> pending[0] = 1
    :: else
    fi;
    if
    :: open[1] -> pending[1] = 1
    :: else
    fi
  fi
}

inline passBaton() {
  if
  :: queue > 0 -> wakeOne()
  :: queue == 0
  fi
}

inline announce() {
  if
  :: asleep ->
    seen = queue;
    atomic { grown = grown || ACCEPTABLE(seen); seen = 0 }
  :: !asleep
  fi
}

#ifdef EXCLUSIVE
#define CAN_TAKE_TURN true
#else
#define CAN_TAKE_TURN !turn
#endif

inline takeTurn() {
#ifdef EXCLUSIVE
  skip
#else
  turn = 1
#endif
}

inline release() {
#ifdef EXCLUSIVE
  skip
#else
  turn = 0
#endif
}

active proctype Listener() {
  byte queued, accepted, wakes;
#ifdef AHEAD
  byte ahead; /* 1 + the thread that was woken ahead */
#endif

again:
  queued = queue;
  if
  :: atomic { ACCEPTABLE(queued) -> queued = 0 }
  :: atomic { !ACCEPTABLE(queued) -> queued = 0; goto sleep }
  fi;
  atomic { CAN_TAKE_TURN -> takeTurn(); isPolling = 1 };
  /* The look before the poll is left out: it only saves the poll. */
end_poll:
  atomic { backlog > 0 -> isPolling = 0 };
#ifdef AHEAD
  /* Its look at the two words may be out of date when it calls. */
  if
  :: atomic { idle[0] && !called[0] -> ahead = 1 }; CALL(0)
  :: atomic { idle[1] && !called[1] -> ahead = 2 }; CALL(1)
  :: !(idle[0] && !called[0]) && !(idle[1] && !called[1])
  fi;
#endif
  queued = queue;
  atomic {
    do
    :: backlog > 0 && 2 * (idle[0] + idle[1] - queued) > accepted -> backlog--; accepted++
    :: backlog > 0 && idle[0] + idle[1] <= queued && accepted == 0 && ACCEPTABLE(queued) -> backlog--; accepted++
    :: else -> break
    od;
    queued = 0
  };
  release();
  do
  :: atomic { accepted > wakes -> assert(queue < MOST_QUEUED); queue++; wakes++ }
  :: atomic { accepted == wakes -> accepted = 0; break }
  od;
  atomic { wakes = (wakes > 1 && !(idle[0] && idle[1]) -> 1 : (wakes > 2 -> 2 : wakes)) };
#ifdef AHEAD
#ifdef TRUST_AHEAD
  atomic { wakes = wakes - (wakes > 0 && ahead > 0); ahead = 0 };
#else
  /* The idle bit first, then the woken bit. */
  if
  :: atomic { wakes > 0 && ahead > 0 && idle[ahead - 1] }; atomic { wakes = wakes - called[ahead - 1]; ahead = 0 }
  :: atomic { !(wakes > 0 && ahead > 0 && idle[ahead - 1]) -> ahead = 0 }
  fi;
#endif
#endif
  do
  :: wakes > 0 -> wakes--; wakeOne()
  :: wakes == 0 -> break
  od;
  goto again;

sleep:
#ifndef SEEN_LATE
  grown = 0;
#endif
  asleep = 1;
#ifndef SLEEP_BLINDLY
  queued = queue;
  if
  :: atomic { ACCEPTABLE(queued) -> queued = 0; goto wake }
  :: atomic { !ACCEPTABLE(queued) -> queued = 0 }
  fi;
#endif
#ifdef SEEN_LATE
  grown = 0;
#endif
  waits = 1;
end_sleep:
  atomic { grown -> waits = 0 };
wake:
  asleep = 0;
  goto again
}

#ifdef DEATH
#define MAY_DIE if :: true :: self == 1 -> goto dead fi;
#else
#define MAY_DIE
#endif

active [2] proctype Worker() {
  byte self = _pid - 1, room, taken, others, seen;

settle:
  /* In a handler, or waiting for a new connection's request: neither bit. */
  atomic {
    moving[self] = 0;
    taken = 0
  };
end_busy:
  if
  :: atomic { moving[self] = 1; room = 2; goto becomeIdle }
#if !defined(DEATH) && !defined(AHEAD)
  :: atomic { moving[self] = 1; goto becomeOpen }
#endif
  :: atomic { pending[self] -> moving[self] = 1; goto woken }
  fi;

becomeIdle:
  open[self] = 0;
  atomic {
    if
    :: asleep && CAN_TAKE_TURN -> room = (ANY_IDLE -> 1 : room)
    :: !(asleep && CAN_TAKE_TURN) -> goto setIdle
    fi;
    takeTurn()
  };
  do
  :: atomic { room > 0 && backlog > 0 -> backlog--; assert(queue < MOST_QUEUED); queue++; room--; taken = 1 }
  :: atomic { room == 0 || backlog == 0 -> room = 0; break }
  od;
  atomic {
    release();
    if
    :: taken == 0 -> goto setIdle
    :: else -> taken = 0
    fi
  };
  if
  :: atomic { queue > 0 -> queue--; taken = 1 }
  :: queue == 0 -> goto setIdle
  fi;
#ifdef SELF_SERVE_SILENT
  goto adopt;
#else
  goto afterTake;
#endif

setIdle:
  room = 0;
#ifdef ANNOUNCE_FIRST
  announce();
#endif
  idle[self] = 1;
#ifndef IDLE_BLINDLY
  if
  :: queue > 0 -> goto takeAsBusy
  :: queue == 0
  fi;
#endif
#ifndef ANNOUNCE_FIRST
  announce();
#endif
rest:
  moving[self] = 0;
end_rest:
  if
  :: atomic { pending[self] -> moving[self] = 1; goto woken }
  /* A request on a connection that was open already. */
  :: atomic { idle[self] -> idle[self] = 0; moving[self] = 1; goto becomeBusy }
  :: atomic { open[self] -> open[self] = 0; goto settle }
  :: atomic { open[self] -> moving[self] = 1; room = 2; goto becomeIdle }
  fi;

becomeBusy:
#ifndef DROP_BATON
  passBaton();
#endif
  goto settle;

becomeOpen:
  open[self] = 1;
  if
  :: queue > 0 -> goto look
  :: queue == 0
  fi;
  announce();
  goto rest;

woken:
#ifndef LOOK_FIRST
  pending[self] = 0;
#endif
  MAY_DIE
look:
#if defined(AHEAD) && !defined(CLEAR_LATE)
  called[self] = 0;
#endif
  if
  :: queue == 0 -> goto looked
  :: queue > 0
  fi;
  others = idle[0] + 2 * idle[1];
  if
  :: others & (1 << self) -> others = 0; goto takeAsBusy
  :: others != 0 && !(others & (1 << self)) ->
    others = 0;
    wakeOne();
    goto looked
  :: others == 0 && !open[self] -> goto looked
  :: others == 0 && open[self]
  fi;
  if
  :: atomic { queue > 0 -> queue--; taken = 1 }
  :: queue == 0 -> goto looked
  fi;
  open[self] = 0;
  goto afterTake;
looked:
#ifdef CLEAR_LATE
  called[self] = 0;
#endif
#ifdef LOOK_FIRST
  pending[self] = 0;
#endif
  if
  :: idle[self] || open[self] -> goto rest
  :: else -> goto settle
  fi;

takeAsBusy:
  idle[self] = 0;
  MAY_DIE
  if
  :: atomic { queue > 0 -> queue--; taken = 1 }
#ifdef IF_FOR_WHILE
  /* Somebody else was faster: back to idle without another look. */
  :: queue == 0 -> idle[self] = 1; goto rest
#else
  :: queue == 0 -> room = 1; goto becomeIdle
#endif
  fi;
afterTake:
  MAY_DIE
#ifndef TAKE_SILENTLY
  passBaton();
#endif
#ifndef TAKE_UNANNOUNCED
  announce();
#endif
adopt:
  /* takeAnother, for a batch of two */
  if
  :: atomic { queue == 0 || ANY_IDLE -> taken = 0; goto settle }
  :: atomic { queue > 0 && !ANY_IDLE -> taken = 0 }
  fi;
  if
  :: atomic { queue > 0 -> queue-- }; announce()
  :: queue == 0
  fi;
  goto settle;

#ifdef DEATH
dead:
  /* The child's main thread; what the worker had in hand is queued again. */
  idle[self] = 0;
  open[self] = 0;
  passBaton();
  if
  :: atomic { taken -> assert(queue < MOST_QUEUED); queue++; taken = 0 }
  :: !taken
  fi;
#ifndef RECOVER_SILENTLY
  passBaton();
#endif
  announce();
  moving[self] = 0
#endif
}

active proctype Clients() {
end:
  do
  :: backlog < MOST_WAITING -> backlog++
  od
}

#define WORKERS_REST (!moving[0] && !moving[1])
#define UNWOKEN(self) (!pending[self])
#define MAY_LOOK(self) (idle[self] || open[self])
#define LISTENER_RESTS ((waits && !grown) || (isPolling && backlog == 0))

active proctype Monitor() {
end:
  do
  :: atomic { WORKERS_REST && LISTENER_RESTS && queue > 0 &&
      ((idle[0] && UNWOKEN(0) && !(MAY_LOOK(1) && pending[1])) || (idle[1] && UNWOKEN(1) && !(MAY_LOOK(0) && pending[0]))) ->
      assert(false) }
  :: atomic { WORKERS_REST && LISTENER_RESTS && queue > 0 && !ANY_IDLE && ANY_OPEN &&
      (open[0] -> UNWOKEN(0) : true) && (open[1] -> UNWOKEN(1) : true) ->
      assert(false) }
  :: atomic { WORKERS_REST && waits && !grown && backlog > 0 && ACCEPTABLE(queue) &&
      UNWOKEN(0) && UNWOKEN(1) -> assert(false) }
  od
}
