/*
 * No accept mutex: each worker thread watches the listeners in its own event loop, the kernel's exclusive wake-up, and the pass-on descriptor.
 *
 * Models src/sync/exclusive-mechanism.ts, src/sync/listener-watch.ts, `takeWhenCalled`, `becomeIdle` and `becomeOpen` of src/sync/hand-off.ts,
 * src/worker/own-watch.ts, src/child/thread-watches.ts, and the signal of src/parent/follow-children.ts after a child's death.
 *
 * Three threads, each with an event loop; 0 and 1 are of one child and modelled step by step, 2 is another child.
 *
 *     default    requests on open connections come at any moment, beside new connections
 *     OPEN       and handlers wait for I/O, so that a thread is open
 *     DEATH      and thread 1 may die anywhere
 *     STOP       and the child of 0 and 1 may be told to stop; its threads serve what they have, for ever
 *     KILLED     and child 2 may be killed anywhere
 *     LIVELOCK   pass-ons are counted
 *
 * The kernel is modelled after fs/eventpoll.c: a source (the listener, the pass-on descriptor) walks the instances that
 * watch it, in any order; each it passes gets the source on its ready list, and the walk ends at the first
 * one whose thread sleeps in epoll_wait. A thread that enters epoll_wait, or is woken in it, looks
 * only at what is on the ready list, drops what is no longer readable, and keeps the rest there (level-triggered). What has woken it is the
 * first of its events; the others come in any order. To
 * watch a readable descriptor puts it on the list and wakes; to watch no longer takes it off.
 *
 * Abstractions: one listener; nothing comes through the fd queue (hand-off.pml has that); a handler may run for ever.
 *
 * Properties: (1) when nothing more happens by itself, no connection waits while a thread of a living child that accepts
 * is idle, or while none is and one is open; (2) pass-ons without any other progress come to an end; (3) no deadlock.
 */
#define MOST_WAITING 2 /* connections in the backlog at a time */
#define MOST_PASSES 8 /* each of the three threads twice, the main thread of a child, and the parent of a killed one */
#define NOTHING 0
#define LISTENER 1
#define PASS_ON 2
#define REQUEST 3

byte backlog
bool signalled /* the pass-on descriptor is readable */

/* Epoll instances: which source is watched, which is on the ready list, and whether the thread sleeps. One bit per thread. */
byte watchL, watchP, readyL, readyP, walked
bool sleeping[3]
byte wokenBy[3]
bool request[2] /* something else is ready: a request, the end of one that waits, the end of the patience with a silent connection */
bool timer[1] /* a thread that has stepped back looks again */

bool idle[3], isOpen[3], fresh[3], running[3], isOn[3], looksAgain[3], owesCall[2]
bool dead[2], killed
bool byPass
bool stopping, isStopped /* the child of 0 and 1 */
bool isRecovered = 1, isExitSeen = 1
byte passes

#define BIT(thread) (1 << (thread))
#define STOPS(thread) (stopping && (thread) < 2)

inline pass(thread, watch, ready, source) {
  (watch & BIT(thread)) && !(walked & BIT(thread)) ->
    walked = walked | BIT(thread);
    ready = ready | BIT(thread);
    if
    :: sleeping[thread] -> sleeping[thread] = 0; wokenBy[thread] = source; wokenBy[2] = NOTHING; break
    :: else
    fi
}

inline wakeOne(watch, ready, source) {
  do
  :: pass(0, watch, ready, source)
  :: pass(1, watch, ready, source)
  :: pass(2, watch, ready, source)
  :: else -> break
  od;
  walked = 0
}

/* By the thread itself, so nobody has to be woken. */
inline add(watch, ready, isReadable) {
  watch = watch | BIT(self);
  if
  :: isReadable -> ready = ready | BIT(self)
  :: else
  fi
}

inline remove(thread) {
  watchL = watchL & ~BIT(thread); readyL = readyL & ~BIT(thread);
  watchP = watchP & ~BIT(thread); readyP = readyP & ~BIT(thread)
}

inline signalPassOn() {
  signalled = 1;
#ifdef LIVELOCK
  passes++;
#endif
  assert(passes <= MOST_PASSES);
  wakeOne(watchP, readyP, PASS_ON)
}

inline callAnother() {
  atomic {
    if
    :: backlog > 0 -> signalPassOn()
    :: else
    fi
  }
}

/* With the mark and the look of ListenerWatch, a switch and the end of all watches never overlap. */
inline switchOn() {
  if
  :: atomic { !isOn[self] && !STOPS(self) -> isOn[self] = 1; add(watchL, readyL, backlog > 0) };
    atomic { if :: !STOPS(self) -> add(watchP, readyP, signalled) :: else fi }
  :: else
  fi
}

#define NOBODY_IDLE (!idle[0] && !idle[1] && !idle[2])

/* The event loop calls: for the listener, or for the pass-on descriptor. */
inline called(isPassedOn) {
  if
  :: atomic { fresh[self] && !owesCall[self] ->
      owesCall[self] = 1; signalled = signalled && !isPassedOn
    }
  :: atomic { idle[self] || (isOpen[self] && NOBODY_IDLE) ->
      signalled = signalled && !isPassedOn;
      if
      :: backlog > 0 && !STOPS(self) ->
        backlog--; passes = 0; idle[self] = 0; isOpen[self] = 0; looksAgain[self] = 0; fresh[self] = 1
      :: else
      fi
    }
  :: atomic { else ->
      signalled = signalled && !isPassedOn;
      owesCall[self] = 0;
#ifndef STAY_ON
      isOn[self] = 0; remove(self);
#endif
#ifndef LOOK_NEVER
      looksAgain[self] = isOpen[self]
#endif
    };
#ifndef KEEP_TO_ITSELF
    callAnother()
#else
    skip
#endif
  fi;
#ifndef CALLED_SLEEPS
  /* Two that were passed on may be one signal. */
  if
  :: atomic { isPassedOn -> callAnother() }
  :: else
  fi
#endif
}

/* What the thread had is over, or waits for something. */
inline settle() {
  atomic {
    running[self] = 0; owesCall[self] = 0;
    if
#ifdef OPEN
    :: self == 0 -> isOpen[self] = 1
#endif
    /* It looks by itself. */
    :: !isOn[self] && backlog > 0 && !STOPS(self) -> backlog--; passes = 0; fresh[self] = 1
    :: isOn[self] || backlog == 0 || STOPS(self) -> idle[self] = 1
    fi
  };
  if
#ifndef IDLE_OFF
  :: atomic { !fresh[self] && !isOn[self] && !STOPS(self) -> isOn[self] = 1; add(watchL, readyL, backlog > 0) };
    atomic { if :: !STOPS(self) -> add(watchP, readyP, signalled) :: else fi }
#endif
  :: atomic { else }
  fi
}

#ifdef DEATH
#define MAY_DIE if :: true :: self == 1 -> goto dies fi;
#else
#define MAY_DIE
#endif

#ifdef REQUEST_FIRST
#define IN_ORDER(source) true
#else
#define IN_ORDER(source) (wokenBy[self] == NOTHING || wokenBy[self] == source)
#endif

proctype Thread(byte self) {
  bool gotL, gotP, gotR, gotT;

  settle();
turn:
  MAY_DIE
  do
  :: atomic { !sleeping[self] ->
      readyL = (backlog > 0 -> readyL : readyL & ~BIT(self));
      readyP = (signalled -> readyP : readyP & ~BIT(self));
      gotL = (readyL & BIT(self)) != 0;
      gotP = (readyP & BIT(self)) != 0;
      gotR = request[self]; request[self] = 0;
      gotT = self == 0 && timer[0]; timer[0] = timer[0] && self != 0;
      if
      :: (wokenBy[self] == LISTENER && !gotL) || (wokenBy[self] == PASS_ON && !gotP) -> wokenBy[self] = NOTHING
      :: else
      fi;
      if
      :: gotL || gotP || gotR || gotT -> break
      :: else -> sleeping[self] = 1; wokenBy[self] = NOTHING
      fi
    }
  od;
  do
  :: atomic { gotL && IN_ORDER(LISTENER) -> gotL = 0; wokenBy[self] = NOTHING };
    MAY_DIE
    called(false)
  :: atomic { gotP && IN_ORDER(PASS_ON) -> gotP = 0; wokenBy[self] = NOTHING };
    MAY_DIE
    called(true)
  :: atomic { gotR && IN_ORDER(REQUEST) ->
      gotR = 0; wokenBy[self] = NOTHING;
      passes = 0; idle[self] = 0; isOpen[self] = 0; looksAgain[self] = 0; fresh[self] = 0
    };
    atomic {
#ifndef FORGET_CALL
      if
      :: owesCall[self] -> owesCall[self] = 0; callAnother()
      :: else
      fi;
#endif
      /* A handler runs, for as long as it likes, before what else there is. */
      running[self] = 1
    };
    MAY_DIE
    settle()
  /* Timers run behind all that. */
  :: atomic { gotT && !gotL && !gotP && !gotR -> gotT = 0; wokenBy[self] = NOTHING };
    if
    :: looksAgain[self] -> looksAgain[self] = 0; switchOn()
    :: else
    fi
  :: !gotL && !gotP && !gotR && !gotT -> break
  od;
  goto turn;

#ifdef DEATH
dies:
  atomic {
    remove(self);
    running[self] = 0; idle[self] = 0; isOpen[self] = 0; fresh[self] = 0; looksAgain[self] = 0; owesCall[self] = 0;
    dead[self] = 1; isRecovered = 0
  };
  /* The child's main thread: recover. */
#ifndef NO_RECOVER
  if
  :: !stopping -> callAnother()
  :: stopping
  fi;
#endif
  isRecovered = 1
#endif
}

/* The other child has one worker thread, in large steps: what it does between being woken and sleeping again is one. */
proctype Other() {
end:
  do
  :: atomic { !sleeping[2] && !running[2] && !killed ->
      readyL = (backlog > 0 -> readyL : readyL & ~BIT(2));
      readyP = (signalled -> readyP : readyP & ~BIT(2));
      if
      :: !((readyL | readyP) & BIT(2)) -> sleeping[2] = 1
      :: else ->
        byPass = (readyP & BIT(2)) != 0;
        signalled = signalled && !byPass;
        if
        :: idle[2] ->
          if
          :: backlog > 0 -> backlog--; passes = 0; idle[2] = 0; fresh[2] = 1
          :: else
          fi;
          if
          :: byPass -> callAnother()
          :: else
          fi
        :: else -> isOn[2] = 0; remove(2); callAnother()
        fi;
        byPass = 0
      fi
    }
  od
}

/* A request wakes it; or one ends, and it takes the next connection or idles. */
inline moveOther() {
  if
  :: !running[2] -> running[2] = 1; idle[2] = 0; fresh[2] = 0; sleeping[2] = 0
  :: else ->
    running[2] = 0;
    if
    :: !isOn[2] && backlog > 0 -> backlog--; fresh[2] = 1
    :: else ->
      idle[2] = 1;
      if
      :: !isOn[2] ->
        isOn[2] = 1; watchL = watchL | BIT(2); watchP = watchP | BIT(2);
        readyL = (backlog > 0 -> readyL | BIT(2) : readyL);
        readyP = (signalled -> readyP | BIT(2) : readyP)
      :: else
      fi
    fi
  fi;
  passes = 0
}

inline wake(thread) {
  if
  :: sleeping[thread] -> sleeping[thread] = 0; wokenBy[thread] = REQUEST
  :: else
  fi
}

/* For one that is fresh, it comes in the end. */
inline bringRequest(thread) {
  atomic { !request[thread] && (idle[thread] || isOpen[thread] || fresh[thread]) -> request[thread] = 1; wake(thread) }
}

proctype Elsewhere() {
end:
  do
  :: atomic { backlog < MOST_WAITING -> backlog++; passes = 0; wakeOne(watchL, readyL, LISTENER) }
  :: bringRequest(0)
  :: bringRequest(1)
  :: atomic { !killed && (running[2] || sleeping[2]) -> moveOther() }
#ifdef OPEN
  :: atomic { looksAgain[0] && !timer[0] -> timer[0] = 1; passes = 0; sleeping[0] = 0 }
#endif
#ifdef KILLED
  :: atomic { !killed ->
      killed = 1; isExitSeen = 0; passes = 0;
      remove(2);
      running[2] = 0; idle[2] = 0; fresh[2] = 0; sleeping[2] = 0
    }
  :: atomic { !isExitSeen ->
      isExitSeen = 1;
#ifndef PARENT_SILENT
      signalPassOn()
#endif
    }
#endif
  od
}

#ifdef STOP
proctype MainThread() {
  atomic { stopping = 1; passes = 0 };
  atomic { remove(0) };
  atomic { remove(1) };
#ifndef LEAVE_SILENTLY
  callAnother();
#endif
  isStopped = 1
}
#endif

#define RESTS(thread) (running[thread] || (sleeping[thread] && !fresh[thread] && !looksAgain[thread]))
#define CALM (RESTS(0) && (dead[1] || RESTS(1)) && (killed || RESTS(2)) && isRecovered && isExitSeen && stopping == isStopped)
#define SLEEPS(thread) (sleeping[thread] && !STOPS(thread))
#define SOMEBODY_IDLE ((SLEEPS(0) && idle[0]) || (SLEEPS(1) && idle[1]) || (SLEEPS(2) && idle[2]))
#define SOMEBODY_OPEN (SLEEPS(0) && isOpen[0] && NOBODY_IDLE)

active proctype Monitor() {
end:
  atomic { CALM && backlog > 0 && (SOMEBODY_IDLE || SOMEBODY_OPEN) -> assert(false) }
}

init {
  atomic {
    run Thread(0); run Thread(1); run Other(); run Elsewhere()
#ifdef STOP
    ; run MainThread()
#endif
  }
}
