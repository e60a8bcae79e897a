/*
 * Two children and the accept mutex.
 *
 * Models src/sync/mutex-mechanism.ts (turn, file lock, selfServe, recover), src/listener/mutex-loop.ts, admission.ts, the
 * wait for capacity of src/sync/listener-sleep.ts, and the flock of src/sys/file-lock.ts: it belongs to the open file description,
 * so to the process, whose threads all get it; the kernel frees it when the process ends.
 *
 * Each child has its listener thread and two worker threads. Thread 0 is modelled in steps: it serves itself when it is
 * done. Thread 1 becomes idle or busy at any moment in one step. Child 0 may be killed at any moment; the parent clears its slot of the scoreboard some time later. With DEATH thread 0 of
 * child 1 may die holding the locks. With OPEN thread 1 of
 * child 0 may be open, and then nobody is killed.
 *
 * Abstractions: one listener; the hand-over is one step and its wake-ups are perfect (hand-off.pml has them); the ring is
 * a number; an event count is a flag that is cleared where the count is read; nobody may rely on a time-out, except
 * that a child that steps back looks again. `turn` itself is modelled in mutex.pml.
 *
 * Properties: (1) only one thread of all polls and accepts; (2) who accepts has an idle thread for it at that moment, or
 * nobody has one; (3) when nothing more happens by itself, no connection waits in the backlog while any thread of a living
 * child is idle; this includes that a freed lock is taken; (4) no deadlock.
 */
#define NOBODY 2

byte backlog
byte fileLock = NOBODY /* the process that holds it */
byte inside[2] /* threads that poll or accept */
bool killed /* child 0 */

bool turn[2], asleep[2], grown[2]
bool idle[4], open[2] /* idle: thread t of child p at 2p + t; open: thread 1 */
byte queue[2]
byte sleepsFor[2] /* what the listener thread sleeps for */
#define CAPACITY 1
#define TURN 2
#define FILE_LOCK 3
#define CONNECTION 4
bool moving[2]

#define OTHER(p) (1 - (p))
#define IDLE(p) (idle[2 * (p)] + idle[2 * (p) + 1])
#define QUEUED(p) queue[p]
#define FREE(p) (IDLE(p) > queue[p])
#define MAY_QUEUE_ONE(p) (queue[p] == 0 && open[p])
#ifdef TAKE_FOR_OPEN
#define ACCEPTABLE(p) (FREE(p) || MAY_QUEUE_ONE(p))
#else
#define ACCEPTABLE(p) (FREE(p) || (MAY_QUEUE_ONE(p) && IDLE(OTHER(p)) == 0))
#endif
#define STEPS_BACK(p) (!FREE(p) && MAY_QUEUE_ONE(p) && IDLE(OTHER(p)) > 0)
#define CAN_LOCK(p) (fileLock == NOBODY || fileLock == p)
#ifdef NO_TURN
#define CAN_TAKE_TURN true
#else
#define CAN_TAKE_TURN !turn[p]
#endif
#define ALIVE(p) (p == 1 || !killed)

inline enter() {
  inside[p]++;
  assert(inside[0] + inside[1] == 1)
}

inline leave() {
  inside[p]--
}

inline announce(p) {
  if
  :: asleep[p] -> grown[p] = 1
  :: !asleep[p]
  fi
}

proctype Listener(byte p) {
  {
  skip;
again:
#ifdef LOCK_FIRST
  atomic { !turn[p] -> turn[p] = 1 };
  atomic { CAN_LOCK(p) -> fileLock = p };
#endif
  if
#ifdef NO_TURN
  :: atomic { ACCEPTABLE(p) -> sleepsFor[p] = FILE_LOCK }
#else
  :: atomic { ACCEPTABLE(p) -> sleepsFor[p] = TURN }
#endif
  :: !ACCEPTABLE(p) -> goto sleep
  fi;
#ifndef LOCK_FIRST
#ifndef NO_TURN
  atomic { !turn[p] -> turn[p] = 1; sleepsFor[p] = FILE_LOCK };
#endif
  atomic { CAN_LOCK(p) -> fileLock = p; sleepsFor[p] = 0 };
#endif
  if
  :: atomic { !ACCEPTABLE(p) -> goto unlock }
  :: atomic { ACCEPTABLE(p) -> enter(); sleepsFor[p] = CONNECTION }
  fi;
  atomic { backlog > 0 -> sleepsFor[p] = 0;
    if
#ifdef SKIP_SECOND_LOOK
    :: backlog > 0 ->
#else
    :: ACCEPTABLE(p) && backlog > 0 ->
#endif
      assert(FREE(p) || IDLE(OTHER(p)) == 0 || (p == 1 && killed));
      backlog--;
      queue[p]++
    :: else
    fi
  };
  leave();
unlock:
  atomic {
#ifndef KEEP_LOCK
    fileLock = (fileLock == p -> NOBODY : fileLock);
#endif
    turn[p] = 0
  };
  goto again;

sleep:
  grown[p] = 0;
  asleep[p] = 1;
  if
#ifndef SLEEP_BLINDLY
  :: ACCEPTABLE(p) || STEPS_BACK(p)
  :: atomic { !ACCEPTABLE(p) && !STEPS_BACK(p) ->
#else
  :: atomic { true ->
#endif
      sleepsFor[p] = CAPACITY };
    atomic { grown[p] -> sleepsFor[p] = 0 }
  fi;
  asleep[p] = 0;
  if
  :: STEPS_BACK(p) ->
    grown[p] = 0;
    asleep[p] = 1;
    if
    :: ACCEPTABLE(p)
    :: atomic { !ACCEPTABLE(p) -> sleepsFor[p] = CAPACITY };
      /* The time is over, or somebody has announced capacity. */
      sleepsFor[p] = 0
    fi;
    asleep[p] = 0
  :: else
  fi;
#ifdef LOCK_FIRST
  goto unlock;
#endif
  goto again
  } unless { !ALIVE(p) }
}

/* Thread 0 of a child. */
proctype Worker(byte p) {
  {
  skip;
again:
  /* Busy, until its handler is done. Neither try waits, so both are one step. */
  if
  :: atomic { asleep[p] && CAN_TAKE_TURN && CAN_LOCK(p) -> moving[p] = 1; turn[p] = 1; fileLock = p; enter() }
  :: atomic { !(asleep[p] && CAN_TAKE_TURN && CAN_LOCK(p)) -> moving[p] = 1; goto setIdle }
#ifdef DEATH
  :: atomic { asleep[p] && CAN_TAKE_TURN && p == 1 -> moving[p] = 1; turn[p] = 1; goto dead }
#endif
  fi;
  if
  :: atomic { backlog > 0 -> backlog--; leave(); fileLock = NOBODY; turn[p] = 0; moving[p] = 0; goto again }
  :: atomic { backlog == 0 -> leave(); fileLock = NOBODY; turn[p] = 0 }
#ifdef DEATH
  :: atomic { p == 1 -> leave(); goto dead }
#endif
  fi;
setIdle:
  idle[2 * p] = 1;
  atomic { announce(p); moving[p] = 0 };
  if
  :: atomic { queue[p] > 0 -> queue[p]--; idle[2 * p] = 0; announce(p); goto again }
  /* A request on a connection that was open already. */
  :: atomic { idle[2 * p] = 0; goto again }
  fi;
#ifdef DEATH
dead:
  /* mechanism.recover */
#ifndef RECOVER_TURN_ONLY
  fileLock = (fileLock == p -> NOBODY : fileLock);
#endif
#ifndef NO_RECOVER
  turn[p] = 0;
#endif
  announce(p);
  moving[p] = 0
#endif
  } unless { !ALIVE(p) }
}

proctype Elsewhere() {
  byte p;
end:
  do
  :: backlog == 0 -> backlog++
  :: atomic {
      if
      :: p = 0
      :: p = 1
      fi;
      /* Thread 1: becomes idle, open or busy; taking what is queued makes it busy. */
      if
      :: !ALIVE(p)
      :: ALIVE(p) && queue[p] > 0 && (idle[2 * p + 1] || (open[p] && IDLE(p) == 0)) ->
        queue[p]--; idle[2 * p + 1] = 0; open[p] = 0; announce(p)
      :: ALIVE(p) && !idle[2 * p + 1] -> idle[2 * p + 1] = 1; open[p] = 0; announce(p)
    #ifdef OPEN
      :: p == 0 && !idle[1] && !open[0] -> open[0] = 1; announce(p)
#endif
      :: ALIVE(p) && idle[2 * p + 1] -> idle[2 * p + 1] = 0
      :: ALIVE(p) && open[p] -> open[p] = 0
      fi;
      p = 0
    }
#ifndef OPEN
  :: atomic { !killed ->
      killed = 1;
#ifndef LOCK_STAYS
      fileLock = (fileLock == 0 -> NOBODY : fileLock);
#endif
      inside[0] = 0; asleep[0] = 0; grown[0] = 0; turn[0] = 0; moving[0] = 0; sleepsFor[0] = 0; queue[0] = 0
    }
  /* The parent clears the slot. */
  :: atomic { killed && IDLE(0) > 0 -> idle[0] = 0; idle[1] = 0; open[0] = 0 }
#endif
  od
}

#define RESTS(p) (!ALIVE(p) || (sleepsFor[p] == CAPACITY && !grown[p]) || (sleepsFor[p] == TURN && turn[p]) || \
  (sleepsFor[p] == FILE_LOCK && !CAN_LOCK(p)) || (sleepsFor[p] == CONNECTION && backlog == 0))
#define IDLE_ALIVE(p) (ALIVE(p) && IDLE(p) > 0)
#define CALM (RESTS(0) && RESTS(1) && !moving[0] && !moving[1])

active proctype Monitor() {
end:
  do
  :: atomic { CALM && backlog > 0 && ((IDLE_ALIVE(0) && queue[0] == 0) || (IDLE_ALIVE(1) && queue[1] == 0)) ->
      assert(false) }
  od
}

init {
  atomic {
    run Listener(0); run Listener(1); run Worker(0); run Worker(1); run Elsewhere()
  }
}
