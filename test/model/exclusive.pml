/*
 * No accept mutex: each worker thread watches the listeners in its own event loop, the kernel's exclusive wake-up, and the pass-on descriptor.
 *
 * Models src/sync/exclusive-mechanism.ts, src/sync/listener-watch.ts, `takeWhenCalled`, `becomeIdle`, `becomeOpen`, `endsThread` and `recover`
 * of src/sync/hand-off.ts, `called` and `requestStarted` of src/worker/activity.ts, src/worker/own-watch.ts, src/child/thread-watches.ts,
 * and the signal of src/parent/follow-children.ts after a child's death.
 *
 *     default    two threads; connections, and requests on open ones, come at any moment
 *     THREE      three threads
 *     OPEN       handlers may wait for I/O, so that a thread is open
 *     DEATH      thread 1 may die anywhere: with its 'exit' hooks, without (out of memory), or ended by the child's main thread
 *     STOP       the child of thread 0 is told to stop; what the thread has it serves, for ever; thread 1 is another child's
 *     KILLED     the child of thread 1 may be killed anywhere
 *     OLD        the kernel is older than Linux 5.8
 *
 * The kernel is modelled after fs/eventpoll.c: a source (the listener, the pass-on descriptor) walks the instances that
 * watch it, in any order; each it passes gets the source on its ready list, and the walk ends at the first
 * one whose thread sleeps in epoll_wait. That one is woken, and the source is the first of its events; the others come in any order.
 * (OLD: until it runs, it still counts as sleeping, and the order is any.) What is still readable stays on the list (level-triggered).
 * To watch a readable descriptor puts it on the list; to watch no longer takes it off.
 *
 * A step is what a thread does until somebody else could tell the difference. So to switch a watch is one step, unless somebody
 * may end it meanwhile (DEATH, STOP): the thread is awake, so nobody is woken for it, and nobody else reads its ready list. To look whether something
 * waits and to signal is one step: what comes later finds the watch off, and calls others. What a loop has fetched and not yet called for is still on its list,
 * and it may call although somebody else has taken the connection (not in THREE, to spare states).
 *
 * Abstractions: one listener; nothing comes through the fd queue (hand-off.pml has that); a handler may run for ever, but whatever else a
 * thread does (the data of a body, a timer) takes no time; epoll_ctl does not fail. A thread that is ended within the few µs in
 * which it has cleared the pass-on descriptor, or set its bit, and not looked behind that yet, counts as one that dies without hooks.
 *
 * Properties: (1) when nothing more happens by itself, no connection waits while a thread that accepts is idle, or
 * while none is and one is open, also before a dead thread is recovered (if not of one without hooks); nor does anybody count on the bit of a dead thread;
 * (2) without any other progress each thread passes on at most four times: when it keeps a call, when it switches off, and for what its
 * loop had fetched already, and the main thread or the parent once or twice; (3) no thread touches the watch of a child that has closed its listeners.
 */
#define MOST_WAITING 2 /* connections in the backlog at a time */
#ifdef THREE
#define THREADS 3
#else
#define THREADS 2
#endif
#define MOST_PASSES (4 * THREADS + 2)

/* What a thread does. The first three have a loop that turns and no handler that runs. */
#define FRESH 0 /* waits for the first request of a connection */
#define IDLE 1 /* has set its bit */
#define OPEN_ 2 /* its handlers wait for I/O */
#define TAKES 3 /* has accepted, and its bit is still set */
#define RUNS 4 /* a handler */
#define GONE 5 /* its code runs no more, but its loop may sleep and be woken: a job in the thread pool is not done */
#define OVER 6

/* Where its event loop is. */
#define ASLEEP 0
#define AWAKE 1 /* its events may come in any order */
#define BY_LISTENER 2 /* this is its first event, for it has woken the loop */
#define BY_PASS_ON 3
#define BY_REQUEST 4

/* In the midst of what others may interrupt. */
#define NO 0
#define HEARD 1 /* of the pass-on descriptor, and has not cleared it */
#define CLEARED 2 /* it, and has done nothing else yet */
#define TOOK 3
#define TOOK_PASSED_ON 4
#define BIT_SET 5
#define SWITCHES 6 /* its watch on */
#define MARKED 7 /* as switching */
#define LOOKED 8 /* whether it may */
#define DIED_MARKED 9

byte backlog
bool signalled /* the pass-on descriptor is readable */
/* Epoll instances, one bit per thread: which source is watched, and which is on the ready list. */
byte watchL, watchP, readyL, readyP
byte loop[THREADS] = AWAKE
byte is[THREADS] = RUNS
byte step[THREADS]
bool isOn[THREADS]
bool owes[THREADS] /* a call that it has kept */
bool late[THREADS] /* its loop has fetched the pass-on descriptor, which it does not watch any more */
bool looksAgain[THREADS] /* a timer of a thread that has stepped back */
byte passes

bool bitStays /* that of thread 1, although no code of it runs any more */
bool isUnnoticed /* thread 1 has died, and nothing has been done about that */
bool isEnding, isEnded /* by the main thread: thread 1 */
bool isStopping, isClosed /* the child of thread 0 */
bool isKilled, isExitSeen /* the child of thread 1 */

#define BIT(thread) (1 << (thread))
#define WATCHES(thread, watch) ((thread) < THREADS && (watch & BIT(thread)))
#ifdef OLD
#define SLEEPS(thread) (loop[thread] != AWAKE)
#else
#define SLEEPS(thread) (loop[thread] == ASLEEP)
#endif
#define HAS_BIT(thread) (is[thread] == IDLE || is[thread] == TAKES || ((thread) == 1 && bitStays))
#ifdef THREE
#define SOMEBODY_IDLE (HAS_BIT(0) || HAS_BIT(1) || HAS_BIT(2))
#else
#define SOMEBODY_IDLE (HAS_BIT(0) || HAS_BIT(1))
#endif
#define STOPS (isStopping && self == 0)
#define ENDS (isEnding && self == 1)
#define HAS_LISTENER ((readyL & BIT(self)) && backlog > 0)
#define HAS_PASS_ON ((readyP & BIT(self)) && signalled)

inline progress() {
  passes = 0
}

inline wake(thread, ready, source) {
  ready = ready | BIT(thread);
  if
  :: loop[thread] == ASLEEP -> loop[thread] = source
  :: else
  fi
}

inline pass(thread, watch, ready) {
  if
  :: WATCHES(thread, watch) && !SLEEPS(thread) -> ready = ready | BIT(thread)
  :: true
  fi
}

inline wakeOne(watch, ready, source) {
  if
  :: WATCHES(0, watch) && SLEEPS(0) -> wake(0, ready, source); pass(1, watch, ready); pass(THREADS - 1, watch, ready)
  :: WATCHES(1, watch) && SLEEPS(1) -> wake(1, ready, source); pass(0, watch, ready); pass(THREADS - 1, watch, ready)
#ifdef THREE
  :: WATCHES(2, watch) && SLEEPS(2) -> wake(2, ready, source); pass(0, watch, ready); pass(1, watch, ready)
#endif
  :: else -> ready = watch
  fi
}

inline addBoth() {
  watchL = watchL | BIT(self); watchP = watchP | BIT(self);
  readyL = (backlog > 0 -> readyL | BIT(self) : readyL);
  readyP = (signalled -> readyP | BIT(self) : readyP);
  isOn[self] = 1
}

inline remove(thread) {
  watchL = watchL & ~BIT(thread); readyL = readyL & ~BIT(thread);
  watchP = watchP & ~BIT(thread); readyP = readyP & ~BIT(thread)
}

/* One that is to stop or to end goes on until somebody else has taken its watch out. */
inline signalPassOn() {
  signalled = 1;
#ifndef THREE
  passes = (isStopping || isEnding -> 0 : passes + 1);
  assert(passes <= MOST_PASSES);
#endif
  wakeOne(watchP, readyP, BY_PASS_ON)
}

inline signalIfWaiting() {
  if
  :: backlog > 0 -> signalPassOn()
  :: else
  fi
}

/* When the child stops, the numbers of the listeners may mean something else. */
inline callAnother() {
  if
#if defined(TRUST_NUMBERS)
  :: STOPS && isClosed
#elif defined(STOP_SILENTLY)
  :: STOPS
#else
  :: STOPS -> signalPassOn()
#endif
  :: else -> signalIfWaiting()
  fi
}

inline accept() {
  backlog--; progress();
#ifdef THREE
  readyL = (backlog > 0 -> readyL : 0)
#endif
}

#if defined(DEATH) || defined(STOP)
#define SLOWLY
#endif
inline switchOn() {
#ifdef SLOWLY
  step[self] = SWITCHES
#else
  addBoth()
#endif
}

inline switchOff() {
  if
  :: readyP & BIT(self) -> late[self] = 1
  :: true
  fi;
#ifndef STAY_ON
  isOn[self] = 0;
  if
  :: STOPS || ENDS
  :: else -> remove(self)
  fi
#endif
}

inline callBehindPassOn() {
#ifndef CALLED_SLEEPS
  callAnother()
#else
  skip
#endif
}

/* The event loop calls: for the listener (TOOK), or for the pass-on descriptor (TOOK_PASSED_ON), behind which it calls another one. */
inline called(took) {
  if
  :: is[self] == FRESH && !owes[self] && !SOMEBODY_IDLE ->
    owes[self] = 1;
    if
    :: took == TOOK_PASSED_ON -> callBehindPassOn()
    :: else
    fi
  :: is[self] == IDLE || (is[self] == OPEN_ && !SOMEBODY_IDLE) ->
    if
    :: backlog > 0 && !STOPS ->
      accept(); owes[self] = 0; looksAgain[self] = 0; step[self] = took;
      is[self] = (is[self] == IDLE -> TAKES : FRESH)
    :: else ->
      if
      :: took == TOOK_PASSED_ON -> callBehindPassOn()
      :: else
      fi
    fi
  :: else ->
    owes[self] = 0;
    switchOff();
#ifndef LOOK_NEVER
    looksAgain[self] = is[self] == OPEN_;
#endif
#ifndef KEEP_TO_ITSELF
    callAnother()
#endif
  fi
}

#ifdef DEATH
#define LOOKS_BEHIND_BIT true
#else
#define LOOKS_BEHIND_BIT !isOn[self]
#endif

/* What the thread had is over, or waits for something. Where it is not called, it looks by itself before it idles. */
inline settle() {
  progress();
#ifdef FORGET_KEPT
  owes[self] = 0;
#endif
  if
#ifdef OPEN
  :: is[self] = OPEN_
#endif
  :: !isOn[self] && backlog > 0 && !STOPS -> accept(); is[self] = FRESH
  :: isOn[self] || backlog == 0 || STOPS -> is[self] = IDLE
  fi;
  if
  :: is[self] != FRESH && LOOKS_BEHIND_BIT -> step[self] = BIT_SET
  :: else
  fi
}

#define TURNS (is[self] <= OPEN_ && step[self] == NO)
#ifdef REQUEST_FIRST
#define MAY_COME(source) (loop[self] != ASLEEP)
#else
#define MAY_COME(source) (loop[self] == AWAKE || loop[self] == source)
#endif
#ifdef ADD_BLINDLY
#define MAY_SWITCH true
#else
#define MAY_SWITCH !(STOPS || ENDS)
#endif

proctype Thread(byte self) {
end:
  do
  /* A request, also on a connection of an idle thread; or the end of the patience with a silent one. */
  :: atomic { TURNS && loop[self] == ASLEEP -> loop[self] = BY_REQUEST; progress() }
  :: atomic { TURNS && MAY_COME(BY_REQUEST) ->
      loop[self] = AWAKE; progress();
      if
      :: is[self] = RUNS; looksAgain[self] = 0;
        if
#ifndef FORGET_CALL
        :: owes[self] -> owes[self] = 0; callAnother()
#endif
#if defined(OLD) && !defined(TRUST_KERNEL)
        :: !owes[self] -> callAnother()
#endif
        :: else
        fi
      :: is[self] == FRESH -> settle()
      fi
    }
  :: atomic { is[self] == RUNS -> settle() }
  :: atomic { step[self] == BIT_SET ->
      step[self] = NO;
      if
#ifndef SET_BLINDLY
      :: ENDS -> is[self] = FRESH; owes[self] = 1 /* it is called in vain */
#endif
#ifndef IDLE_OFF
      :: !isOn[self] && !ENDS -> switchOn()
#endif
      :: else
      fi
    }
#ifdef SLOWLY
  :: atomic { step[self] == SWITCHES -> step[self] = MARKED }
  :: atomic { step[self] == MARKED -> step[self] = (MAY_SWITCH -> LOOKED : NO) }
  :: atomic { step[self] == LOOKED -> assert(!(STOPS && isClosed)); step[self] = NO; addBoth() }
#endif

  :: atomic { TURNS && (loop[self] == AWAKE || loop[self] == BY_LISTENER) && (readyL & BIT(self)) ->
      loop[self] = AWAKE; called(TOOK)
    }
  :: atomic { step[self] == TOOK -> step[self] = NO; is[self] = FRESH }
  :: atomic { TURNS && (loop[self] == AWAKE || loop[self] == BY_PASS_ON) && ((readyP & BIT(self)) || late[self]) ->
      loop[self] = AWAKE; late[self] = 0;
#ifdef STOP
      if
      :: STOPS -> readyP = readyP & ~BIT(self)
      :: else -> step[self] = HEARD
      fi
    }
  :: atomic { step[self] == HEARD ->
#endif
      signalled = 0; step[self] = CLEARED;
#ifdef THREE
      readyP = 0
#endif
    }
  :: atomic { step[self] == CLEARED -> step[self] = NO; called(TOOK_PASSED_ON) }
  :: atomic { step[self] == TOOK_PASSED_ON -> step[self] = NO; is[self] = FRESH; callBehindPassOn() }
  :: atomic { looksAgain[self] && TURNS && loop[self] <= AWAKE ->
      loop[self] = AWAKE; looksAgain[self] = 0; progress();
      if
      :: !isOn[self] -> switchOn()
      :: else
      fi
    }

  /* What has woken it is gone, or not watched any more. */
  :: atomic { loop[self] == BY_LISTENER && !HAS_LISTENER -> loop[self] = AWAKE; readyL = readyL & ~BIT(self) }
  :: atomic { loop[self] == BY_PASS_ON && !HAS_PASS_ON -> loop[self] = AWAKE; readyP = readyP & ~BIT(self) }
  :: atomic { ((TURNS && loop[self] == AWAKE) || (is[self] == GONE && loop[self] != ASLEEP)) && !late[self] && !HAS_LISTENER && !HAS_PASS_ON ->
      loop[self] = ASLEEP; readyL = readyL & ~BIT(self); readyP = readyP & ~BIT(self)
    }

#ifdef DEATH
  /* Its 'exit' hook. */
  :: atomic { self == 1 && (is[1] == RUNS || (TURNS && loop[1] == AWAKE)) ->
#ifdef KEEP_BIT
      bitStays = HAS_BIT(1);
#endif
      is[1] = GONE; late[1] = 0; looksAgain[1] = 0; owes[1] = 0;
#ifndef DIE_WATCHED
      if
      :: ENDS
      :: else -> remove(1)
      fi;
#endif
#ifndef DIE_SILENTLY
      callAnother()
#endif
    }
  /* Out of memory, or ended by the main thread: it does nothing more. */
  :: atomic { self == 1 && is[1] < GONE ->
      bitStays = HAS_BIT(1);
      isUnnoticed = !isEnding || step[1] == CLEARED || step[1] == TOOK_PASSED_ON || step[1] == BIT_SET;
      step[1] = (step[1] >= MARKED -> DIED_MARKED : NO);
      is[1] = GONE; late[1] = 0; looksAgain[1] = 0; owes[1] = 0
    }
#endif
  od
}

proctype Elsewhere() {
end:
  do
  :: atomic { backlog < MOST_WAITING -> backlog++; progress(); wakeOne(watchL, readyL, BY_LISTENER) }
#ifdef KILLED
  :: atomic { !isKilled ->
      isKilled = 1; progress();
      remove(1);
      bitStays = HAS_BIT(1); is[1] = OVER; step[1] = NO; late[1] = 0; looksAgain[1] = 0; owes[1] = 0
    }
  :: atomic { isKilled && !isExitSeen ->
      isExitSeen = 1; bitStays = 0;
#ifndef PARENT_SILENT
      signalPassOn()
#endif
    }
#endif
  od
}

#if defined(STOP) || defined(DEATH)
inline takeOut(thread) {
#ifndef TRUST_THREADS
  step[thread] < MARKED;
#endif
  remove(thread)
}

proctype MainThread() {
#ifdef STOP
  atomic { isStopping = 1; progress() };
  atomic { takeOut(0) };
#ifndef LEAVE_SILENTLY
  atomic { signalIfWaiting() };
#endif
  isClosed = 1
#else
  if
  :: atomic { is[1] < GONE ->
      progress();
#ifndef CLEAR_FIRST
      isEnding = 1
#endif
    };
    /* It goes on, but is called in vain. */
    atomic {
      if
      :: is[1] >= IDLE && is[1] <= TAKES -> is[1] = FRESH; owes[1] = 1
      :: else -> bitStays = 0
      fi
    };
#ifdef CLEAR_FIRST
    isEnding = 1;
#endif
    if
    :: atomic {
        takeOut(1);
#ifndef END_SILENTLY
        signalIfWaiting()
#endif
      };
      isEnded = 1
    :: step[1] == DIED_MARKED
    fi
  :: true
  fi;
  /* Its loop is over as well: recover. */
  atomic { is[1] == GONE -> bitStays = 0; progress() };
  atomic {
    is[1] = OVER; remove(1);
#ifndef NO_RECOVER
    signalIfWaiting()
#endif
  }
#endif
}
#endif

#if defined(STOP)
#define IS_DONE (isStopping == isClosed)
#elif defined(KILLED)
#define IS_DONE (isKilled == isExitSeen)
#elif defined(DEATH)
#define IS_DONE (is[1] == OVER || (!isUnnoticed && (!isEnding || (isEnded && is[1] == GONE))))
#else
#define IS_DONE true
#endif
#define RESTS(thread) (is[thread] >= RUNS || (loop[thread] == ASLEEP && step[thread] == NO && is[thread] != FRESH && !looksAgain[thread]))
#define COULD_TAKE(thread) ((is[thread] == IDLE || is[thread] == OPEN_) && !(isStopping && (thread) == 0))
#ifdef THREE
#define ALL_REST (RESTS(0) && RESTS(1) && RESTS(2))
#define SOMEBODY_COULD_TAKE (COULD_TAKE(0) || COULD_TAKE(1) || COULD_TAKE(2))
#else
#define ALL_REST (RESTS(0) && RESTS(1))
#define SOMEBODY_COULD_TAKE (COULD_TAKE(0) || COULD_TAKE(1))
#endif

active proctype Monitor() {
end:
  if
  :: atomic { IS_DONE && backlog > 0 && ALL_REST && SOMEBODY_COULD_TAKE -> assert(false) }
  :: atomic { IS_DONE && bitStays -> assert(false) }
  fi
}

init {
  atomic {
    run Thread(0); run Thread(1); run Elsewhere()
#ifdef THREE
    ; run Thread(2)
#endif
#if defined(STOP) || defined(DEATH)
    ; run MainThread()
#endif
  }
}
