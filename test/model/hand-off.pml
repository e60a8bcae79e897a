/*
 * The hand-off of descriptors from the listener thread to the worker threads of one child.
 *
 * Models src/sync/hand-off.ts with standings.ts, wake-ups.ts, listener-sleep.ts and self-service.ts in single loads and stores, the waiting of src/listener/mutex-loop.ts and intake.ts, the
 * rule of src/sync/admission.ts, the loop `takeUntil` of src/worker/lease.ts and `adopt` of src/worker/activity.ts. With
 * EXCLUSIVE threads serve themselves at the same time, as where each watches the listeners itself (exclusive.pml); who queues is the parker then.
 *
 * One listener thread, two worker threads. A worker becomes idle, open or busy by itself at any moment (handlers end and
 * wait, keep-alive requests arrive). With DEATH worker 1 may die at any step of a take and is
 * recovered. With AHEAD the listener thread wakes a thread before it accepts. To keep those two small, no worker becomes open then.
 *
 * Abstractions: a descriptor is a unit in the ring (fd-queue.pml has the ring itself); an event count is a flag that is
 * cleared where the count is read; `next to wake` is any idle thread; every batch is two; no other child has an idle
 * thread; the time-outs of 10 ms, which are for threads that user code blocks, do not exist: nobody may rely on them.
 *
 * One step is one load or store of a word that others write, with what goes unseen before or after it: what a thread decides to do, its own variables, a look at
 * its own two bits (only it writes them), `moving`, `waits` and `isPolling` (only the monitor reads them, and it objects where they say rest: so rest that is
 * said with the last step, and work that is said with the first, hide nothing). A flag that only its reader clears (a count that has grown) is cleared with the look
 * that finds it set, since until then nobody changes it. That makes a third of the states.
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
#define CALL(thread, then) called[thread] = 1; d_step { pending[thread] = 1; then }
#else
#define CALL(thread, then) d_step { pending[thread] = 1; then }
#endif

#define ANY_IDLE (idle[0] || idle[1])
#define ANY_OPEN (open[0] || open[1])
#define ACCEPTABLE(queued) (idle[0] + idle[1] > queued || (queued == 0 && ANY_OPEN))

/* The last step sets `mine`, which is a word of the caller alone, to `value`. */

inline wakeOne(when, mine, value) {
  if
  :: when && idle[0] -> CALL(0, mine = value)
  :: when && idle[1] -> CALL(1, mine = value)
  :: when && !ANY_IDLE ->
    if
    :: open[0] -> pending[0] = 1
    :: !open[0]
    fi;
    if
    :: open[1] -> d_step { pending[1] = 1; mine = value }
    :: d_step { !open[1] -> mine = value }
    fi
  fi
}

inline passBaton(goesOn) {
  if
  :: queue > 0 -> wakeOne(true, moving[self], goesOn)
  :: d_step { queue == 0 -> moving[self] = goesOn }
  fi
}

inline announce(goesOn) {
  if
  :: asleep ->
    seen = queue;
    d_step { grown = grown || ACCEPTABLE(seen); seen = 0; moving[self] = goesOn }
  :: d_step { !asleep -> moving[self] = goesOn }
  fi
}

#ifdef EXCLUSIVE
#define CAN_TAKE_TURN true
#else
#define CAN_TAKE_TURN !turn
#endif

active proctype Listener() {
  byte queued, accepted, wakes;
#ifdef AHEAD
  byte ahead; /* 1 + the thread that was woken ahead */
#endif

again:
  queued = queue;
mayAccept:
  if
#ifdef EXCLUSIVE
  :: d_step { ACCEPTABLE(queued) -> queued = 0; isPolling = 1 }
#else
  :: d_step { ACCEPTABLE(queued) -> queued = 0 };
    d_step { CAN_TAKE_TURN -> turn = 1; isPolling = 1 }
#endif
  :: d_step { !ACCEPTABLE(queued) -> queued = 0 }; goto sleep
  fi;
  /* The look before the poll is left out: it only saves the poll. */
end_poll:
  d_step { backlog > 0 -> isPolling = 0 };
#ifdef AHEAD
  /* Its look at the two words may be out of date when it calls. */
  if
  :: d_step { idle[0] && !called[0] -> ahead = 1 }; CALL(0, skip)
  :: d_step { idle[1] && !called[1] -> ahead = 2 }; CALL(1, skip)
  :: !(idle[0] && !called[0]) && !(idle[1] && !called[1])
  fi;
#endif
  queued = queue;
  d_step {
    do
    :: backlog > 0 && 2 * (idle[0] + idle[1] - queued) > accepted -> backlog--; accepted++
    :: backlog > 0 && idle[0] + idle[1] <= queued && accepted == 0 && ACCEPTABLE(queued) -> backlog--; accepted++
    :: else -> break
    od;
    queued = 0
  };
#ifndef EXCLUSIVE
  turn = 0;
#endif
  do
  :: d_step { accepted > wakes -> assert(queue < MOST_QUEUED); queue++; wakes++ }
  :: d_step {
      accepted == wakes -> accepted = 0;
      wakes = (wakes > 1 && !(idle[0] && idle[1]) -> 1 : (wakes > 2 -> 2 : wakes))
    };
    break
  od;
#ifdef AHEAD
#ifdef TRUST_AHEAD
  atomic { wakes = wakes - (wakes > 0 && ahead > 0); ahead = 0 };
#else
  /* The idle bit first, then the woken bit. */
  if
  :: d_step { wakes > 0 && ahead > 0 && idle[ahead - 1] }; d_step { wakes = wakes - called[ahead - 1]; ahead = 0 }
  :: d_step { !(wakes > 0 && ahead > 0 && idle[ahead - 1]) -> ahead = 0 }
  fi;
#endif
#endif
  do
  :: wakeOne(wakes > 0, wakes, wakes - 1)
  :: d_step { wakes == 0 -> queued = queue }; goto mayAccept
  od;

sleep:
#ifndef SEEN_LATE
  grown = 0;
#endif
#ifdef SLEEP_BLINDLY
  d_step { asleep = 1; waits = 1 };
#else
  asleep = 1;
  queued = queue;
  if
  :: d_step { ACCEPTABLE(queued) -> queued = 0 }; goto wake
#ifdef SEEN_LATE
  :: d_step { !ACCEPTABLE(queued) -> queued = 0 };
    d_step { grown = 0; waits = 1 }
#else
  :: d_step { !ACCEPTABLE(queued) -> queued = 0; waits = 1 }
#endif
  fi;
#endif
end_sleep:
  d_step { grown -> waits = 0; asleep = 0 };
  goto again;
wake:
  asleep = 0;
  goto again
}

/* A thread dies between two steps; the child's main thread begins with its idle bit. */
#ifdef DEATH
#define OR_DIE :: d_step { self == 1 -> idle[1] = 0 }; goto dead
#else
#define OR_DIE
#endif

/* A thread is woken, and reads its wake count before it looks. */
#ifdef LOOK_FIRST
#define WOKEN pending[self] -> moving[self] = 1
#else
#define WOKEN pending[self] -> moving[self] = 1; pending[self] = 0
#endif

/* The last of what a thread does by itself. */
#define STILL moving[self] = 0

/* The last step of a look that found nothing to take, and what follows. */
#if defined(CLEAR_LATE) || defined(LOOK_FIRST)
#define GOES_ON 1
#define NEXT looked
#else
#define GOES_ON 0
#define NEXT end_still
#endif

/* A thread that is about to be idle, and may accept this many itself. */
#ifdef EXCLUSIVE
#define TAKE_TURN(most) moving[self] = 1; room = (ANY_IDLE -> 1 : most)
#else
#define TAKE_TURN(most) moving[self] = 1; room = (ANY_IDLE -> 1 : most); turn = 1
#endif
#define BECOME_IDLE(when, most) \
  :: d_step { when && asleep && CAN_TAKE_TURN -> assert(!open[self]); TAKE_TURN(most) }; goto serveSelf \
  :: d_step { when && !(asleep && CAN_TAKE_TURN) -> moving[self] = 1; room = 0 }; goto setIdle

active [2] proctype Worker() {
  byte self = _pid - 1, room, taken, seen;

end_still:
  if
  :: d_step { WOKEN }; goto look
  /* Busy: in a handler, or waiting for a new connection's request. It becomes idle or open. */
  BECOME_IDLE(!idle[self] && !open[self], 2)
#if !defined(DEATH) && !defined(AHEAD)
  :: d_step { !idle[self] && !open[self] -> moving[self] = 1; open[self] = 1 }; goto becomeOpen
#endif
  /* Idle: a request on a connection that was open already. */
  :: d_step { idle[self] -> idle[self] = 0; moving[self] = 1 }; goto becomeBusy
  /* Open: it goes on, or is done. */
  :: d_step { open[self] -> open[self] = 0 }; goto end_still
  :: d_step { open[self] -> open[self] = 0; moving[self] = 1; room = 2 }; goto becomeIdle
  fi;

becomeIdle:
  if
  BECOME_IDLE(true, room)
  fi;
serveSelf:
  do
  :: d_step { room > 0 && backlog > 0 -> backlog--; assert(queue < MOST_QUEUED); queue++; room--; taken = 1 }
#ifdef EXCLUSIVE
  :: d_step { (room == 0 || backlog == 0) && taken == 0 -> room = 0 }; goto setIdle
  :: d_step { (room == 0 || backlog == 0) && taken > 0 -> room = 0; taken = 0 }; break
  od;
#else
  :: d_step { room == 0 || backlog == 0 -> room = 0 }; break
  od;
  if
  :: d_step { taken == 0 -> turn = 0 }; goto setIdle
  :: d_step { taken > 0 -> turn = 0; taken = 0 }
  fi;
#endif
  if
  :: d_step { queue > 0 -> queue--; taken = 1 }
  :: queue == 0 -> goto setIdle
  fi;
#ifdef SELF_SERVE_SILENT
  goto adopt;
#else
  goto afterTake;
#endif

setIdle:
#ifdef ANNOUNCE_FIRST
  announce(1);
  idle[self] = 1;
  if
  :: queue > 0 -> goto takeAsBusy
  :: d_step { queue == 0 -> STILL }; goto end_still
  fi;
#else
  idle[self] = 1;
#ifndef IDLE_BLINDLY
  if
  :: queue > 0 -> goto takeAsBusy
  :: queue == 0
  fi;
#endif
  announce(0);
  goto end_still;
#endif

becomeBusy:
#ifdef DROP_BATON
  STILL;
#else
  passBaton(0);
#endif
  goto end_still;

becomeOpen:
  if
  :: queue > 0 -> goto look
  :: queue == 0
  fi;
  announce(0);
  goto end_still;

look:
#if defined(AHEAD) && !defined(CLEAR_LATE)
  if
  OR_DIE
  :: called[self] = 0
  fi;
#endif
  if
  OR_DIE
  :: d_step { queue == 0 -> moving[self] = GOES_ON }; goto NEXT
  :: queue > 0
  fi;
  if
  :: d_step { idle[self] -> idle[self] = 0; room = 1 }; goto takeIfAny
  :: !idle[self] && ANY_IDLE -> wakeOne(true, moving[self], GOES_ON); goto NEXT
  :: d_step { !ANY_IDLE && !open[self] -> moving[self] = GOES_ON }; goto NEXT
  :: !ANY_IDLE && open[self]
  fi;
  if
  :: d_step { queue > 0 -> queue--; taken = 1 }
  :: d_step { queue == 0 -> moving[self] = GOES_ON }; goto NEXT
  fi;
  open[self] = 0;
  goto afterTake;

#if defined(CLEAR_LATE) || defined(LOOK_FIRST)
looked:
#ifdef CLEAR_LATE
  called[self] = 0;
#else
  pending[self] = 0;
#endif
  STILL;
  goto end_still;
#endif

takeAsBusy:
  atomic { idle[self] = 0; room = 1 };
takeIfAny:
  if
  OR_DIE
  :: d_step { queue > 0 -> queue--; taken = 1; room = 0 }
#ifdef IF_FOR_WHILE
  /* Somebody else was faster: back to idle without another look. */
  :: d_step { queue == 0 -> room = 0 }; d_step { idle[self] = 1; STILL }; goto end_still
#else
  :: queue == 0 -> goto becomeIdle
#endif
  fi;
afterTake:
  if
  OR_DIE
#ifdef TAKE_SILENTLY
  :: true
#else
  :: queue > 0 -> wakeOne(true, moving[self], 1)
  :: queue == 0
#endif
  fi;
#ifndef TAKE_UNANNOUNCED
  announce(1);
#endif
adopt:
  /* takeAnother, for a batch of two */
  if
  :: d_step { queue == 0 || ANY_IDLE -> taken = 0; STILL }; goto end_still
  :: d_step { queue > 0 && !ANY_IDLE -> taken = 0 }
  fi;
  if
  :: d_step { queue > 0 -> queue-- }; announce(0)
  :: d_step { queue == 0 -> STILL }
  fi;
  goto end_still;

#ifdef DEATH
dead:
  /* What the worker had in hand is queued again. It was not open: here nobody is. */
  assert(!open[1]);
  passBaton(1);
  if
  :: d_step { taken -> assert(queue < MOST_QUEUED); queue++; taken = 0 }
  :: !taken
  fi;
#ifndef RECOVER_SILENTLY
  passBaton(1);
#endif
  announce(0)
#endif
}

active proctype Clients() {
end:
  do
  :: d_step { backlog < MOST_WAITING -> backlog++ }
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
