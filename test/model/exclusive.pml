/*
 * No accept mutex: the kernel's exclusive wake-up and the pass-on descriptor.
 *
 * Models src/sync/exclusive-mechanism.ts, src/listener/exclusive-loop.ts, `announceCapacity` of
 * src/sync/listener-sleep.ts, and the signal of src/parent/follow-children.ts after a child's death.
 *
 * Child 0 is modelled step by step, the others in large steps. There are two configurations:
 *
 *     default    inside a child: child 0 has its listener thread and two worker threads that become idle or busy at any moment
 *                (keep-alive requests), serve themselves and arm; with DEATH worker 1 may die while it arms. Child 2
 *                is there, too; it neither dies nor stops.
 *     BETWEEN    between children: the worker threads of child 0 move in large steps, too; child 1 may be killed at any
 *                moment, and child 2 be told to stop, which then drains for ever. With LIVELOCK pass-ons are counted.
 *
 * The kernel is modelled after fs/eventpoll.c: a source (the listener, the pass-on descriptor) walks the instances that
 * watch it, in any order; each it passes gets the source on its ready list, and the walk ends at the first
 * one whose thread sleeps in epoll_wait. A thread that enters epoll_wait, or is woken in it, looks
 * only at what is on the ready list, drops what is no longer readable, and keeps the rest there (level-triggered). To
 * watch a readable descriptor puts it on the list and wakes; to watch no longer takes it off. Nothing wakes a second
 * instance when the first disarms.
 *
 * Abstractions: one listener; the ring of child 0 is a number and its wake-ups are perfect (hand-off.pml has those);
 * no open threads; a time-out of epoll_wait may come at any moment where one is set, and nobody may rely on it.
 *
 * Properties: (1) when nothing more happens by itself, no connection waits while a thread of a living child that accepts
 * is idle; (2) pass-ons without any other progress come to an end; (3) no deadlock.
 */
#define MOST_WAITING 2 /* connections in the backlog at a time */
#define MOST_PASSES 4 /* each of the three children, and the parent of a killed one */

byte backlog
bool signalled /* the pass-on descriptor is readable */

/* Epoll instances: which source is watched, which is on the ready list, and whether the thread sleeps. */
byte watchL, watchP, readyL, readyP, walked /* one bit per child */
bool sleeping[3]

bool word = 1 /* child 0: "listener asleep" */
byte queued
bool idle[2], moving[2]
bool isDead, isRecovered

bool otherIdle[3], otherWord[3], killed[3], stopping[3], left[3]
bool isExitSeen = 1
byte passes

#define BIT(child) (1 << (child))
#define ROOM ((idle[0] + idle[1]) > queued)

inline pass(child, watch, ready) {
  (watch & BIT(child)) && !(walked & BIT(child)) ->
    walked = walked | BIT(child);
    ready = ready | BIT(child);
    if
    :: sleeping[child] -> sleeping[child] = 0; break
    :: else
    fi
}

inline wakeOne(watch, ready) {
  do
  :: pass(0, watch, ready)
  :: pass(1, watch, ready)
  :: pass(2, watch, ready)
  :: else -> break
  od;
  walked = 0
}

inline add(child, watch, ready, isReadable) {
  if
  :: !(watch & BIT(child)) ->
    watch = watch | BIT(child);
    if
    :: isReadable -> ready = ready | BIT(child); sleeping[child] = 0
    :: else
    fi
  :: else
  fi
}

inline remove(child, watch, ready) {
  watch = watch & ~BIT(child); ready = ready & ~BIT(child)
}

/* One look of epoll_wait at the ready list. */
inline scan(child) {
  readyL = (backlog > 0 -> readyL : readyL & ~BIT(child));
  readyP = (signalled -> readyP : readyP & ~BIT(child))
}
#define READY(child) ((readyL | readyP) & BIT(child))

inline signalPassOn() {
  signalled = 1;
#ifdef LIVELOCK
  passes++;
#endif
  assert(passes <= MOST_PASSES);
  wakeOne(watchP, readyP)
}

inline callAnother() {
  if
  :: backlog > 0 -> atomic { signalPassOn() }
  :: backlog == 0
  fi
}

inline armBoth(child) {
  add(child, watchL, readyL, backlog > 0); add(child, watchP, readyP, signalled)
}

/* Two system calls; the listener is the first. */
inline armSlowly() {
  atomic { add(0, watchL, readyL, backlog > 0) };
  atomic { add(0, watchP, readyP, signalled) }
}

/* Leaves the loop when epoll_wait returns: something is readable, or late, or stopped. */
inline epollWait() {
  do
  :: atomic { !sleeping[0] ->
      scan(0);
      if
      :: READY(0) -> isReady = 1; gotP = readyP & 1; break
      :: else -> sleeping[0] = 1
      fi
    }
  :: atomic { sleeping[0] && queued > 0 -> sleeping[0] = 0; break }
  od
}

proctype Listener() {
  bool isReady, gotP;

disarmed:
  if
  :: ROOM ->
    /* wakeListener */
    if
    :: atomic { word == 1 -> word = 0 }; armSlowly()
    :: word == 0
    fi;
    goto polling
  :: !ROOM
  fi;
  epollWait();
  gotP = 0;
  if
  :: isReady && word == 1 ->
    /* disarmAgain */
    isReady = 0;
    atomic { remove(0, watchL, readyL); remove(0, watchP, readyP) };
    if
#ifndef NO_REARM
    :: word == 0 -> armSlowly()
    :: word == 1
#else
    :: true
#endif
    fi;
#ifndef SWALLOW
    callAnother()
#endif
  :: else -> isReady = 0
  fi;
  if
  :: word == 1 -> goto disarmed
  :: word == 0
  fi;

polling:
  epollWait();
  if
  :: !isReady -> goto polling /* late: nothing was reported */
  :: isReady -> isReady = 0
  fi;
  signalled = signalled && !gotP;
  /* accept() and handOver(): up to two threads, up to two connections */
  atomic {
    do
    :: ROOM && backlog > 0 -> backlog--; queued++; passes = 0
    :: else -> break
    od
  };
  if
  :: ROOM ->
    if
#ifndef CALLED_SLEEPS
    /* The call does not put the listener on the ready list, where epoll_wait would find it again. */
    :: gotP -> gotP = 0; callAnother()
    :: !gotP
#else
    :: gotP = 0
#endif
    fi;
    goto polling
  :: !ROOM -> gotP = 0
  fi;
#ifdef STAY_ARMED
  callAnother();
  goto polling;
#endif
#ifdef WORD_FIRST
  word = 1;
#endif
  atomic { remove(0, watchL, readyL); remove(0, watchP, readyP) };
#ifndef WORD_FIRST
  word = 1;
#endif
#ifndef KEEP_TO_ITSELF
  callAnother();
#endif
#ifdef SLEEP_BLINDLY
  epollWait();
  isReady = 0; gotP = 0;
  goto polling
#else
  goto disarmed
#endif
}

#ifndef BETWEEN
#ifdef DEATH
#define MAY_DIE :: self == 1 -> goto dead
#else
#define MAY_DIE
#endif

proctype Worker(byte self) {
running:
  /* A handler runs, for as long as it likes; then becomeIdle. */
  atomic { moving[self] = 1; passes = 0 };
  if
  :: atomic { word == 1 && backlog > 0 -> backlog--; moving[self] = 0; goto running }
  :: atomic { word == 0 || backlog == 0 ->
#ifndef ANNOUNCE_FIRST
    idle[self] = 1
#endif
    }
  fi;
announce:
  if
  :: word == 0
  :: atomic { word == 1 ->
#ifndef ARM_FIRST
      word = 0
#endif
    };
    if :: true MAY_DIE fi;
    atomic { add(0, watchL, readyL, backlog > 0) };
    if :: true MAY_DIE fi;
    atomic { add(0, watchP, readyP, signalled) };
#ifdef ARM_FIRST
    word = 0
#endif
  fi;
#ifdef ANNOUNCE_FIRST
  idle[self] = 1;
#endif
  atomic {
    moving[self] = 0;
    if
    :: idle[self]
    :: !idle[self] -> goto running
    fi
  };
  if
  :: atomic { queued > 0 -> moving[self] = 1; idle[self] = 0; queued-- };
#ifdef ANNOUNCE_FIRST
    moving[self] = 0;
    goto running
#else
    goto announce
#endif
  :: atomic { idle[self] = 0; passes = 0; goto running } /* a keep-alive request */
  fi;
#ifdef DEATH
dead:
  atomic { idle[self] = 0; moving[self] = 0; isDead = 1 };
  /* The child's main thread: mechanism.recover, and handOff.recover announces capacity. */
#ifndef NO_RECOVER
  if
  :: word == 0 -> armSlowly()
  :: word == 1
  fi;
  if
  :: atomic { word == 1 -> word = 0 }; armSlowly()
  :: word == 0
  fi;
#endif
  isRecovered = 1
#endif
}
#endif

/* A child with one worker thread, in large steps: what it does between being woken and sleeping again is one. */
proctype Other(byte self) {
end:
  do
  :: atomic { !sleeping[self] && !left[self] && !killed[self] ->
      scan(self);
      if
      :: stopping[self] ->
        remove(self, watchL, readyL);
        remove(self, watchP, readyP);
        left[self] = 1;
#ifndef LEAVE_SILENTLY
        callAnother()
#endif
      :: !stopping[self] && !READY(self) -> sleeping[self] = 1
      :: !stopping[self] && READY(self) ->
        signalled = signalled && !(readyP & BIT(self));
        if
        :: otherIdle[self] && backlog > 0 -> otherIdle[self] = 0; backlog--; passes = 0
        :: else
        fi;
        if
        :: otherIdle[self]
        :: !otherIdle[self] ->
          remove(self, watchL, readyL);
          remove(self, watchP, readyP);
          otherWord[self] = 1;
          callAnother()
        fi
      fi
    }
  od
}

inline toggle(child) {
  if
  :: otherIdle[child] -> otherIdle[child] = 0; passes = 0
  :: !otherIdle[child] && !stopping[child] ->
    otherIdle[child] = 1; passes = 0;
    if
    :: otherWord[child] -> otherWord[child] = 0; armBoth(child)
    :: else
    fi
  fi
}

proctype Elsewhere() {
end:
  do
  :: atomic { backlog < MOST_WAITING -> backlog++; passes = 0; wakeOne(watchL, readyL) }
  :: atomic { toggle(2) }
#ifdef BETWEEN
  /* The worker threads of child 0, in large steps: from idle to busy or back, and arming. */
  :: atomic {
      if
      :: !idle[0] -> idle[0] = 1
      :: idle[0] && !idle[1] -> idle[1] = 1
      :: idle[1] -> idle[1] = 0; queued = (queued > 0 -> queued - 1 : 0)
      :: idle[0] && !idle[1] -> idle[0] = 0; queued = (queued > 0 -> queued - 1 : 0)
      fi;
      passes = 0;
      if
      :: word == 1 -> word = 0; armBoth(0)
      :: else
      fi
    }
  :: atomic { !killed[1] -> toggle(1) }
  :: atomic { !killed[1] ->
      killed[1] = 1; isExitSeen = 0; passes = 0;
      remove(1, watchL, readyL);
      remove(1, watchP, readyP);
      otherIdle[1] = 0; otherWord[1] = 0; sleeping[1] = 0
    }
  :: atomic { !isExitSeen ->
      isExitSeen = 1;
#ifndef PARENT_SILENT
      signalPassOn()
#endif
    }
  :: atomic { !stopping[2] -> stopping[2] = 1; sleeping[2] = 0; passes = 0 }
#endif
  od
}

#define RESTS(child) (sleeping[child] || killed[child] || left[child])
#define CALM (RESTS(0) && RESTS(1) && RESTS(2) && !moving[0] && !moving[1] && isExitSeen && isDead == isRecovered)
#define SOMEBODY_IDLE (ROOM || otherIdle[1] || (otherIdle[2] && !stopping[2]))

active proctype Monitor() {
end:
  atomic { CALM && backlog > 0 && SOMEBODY_IDLE && !(queued > 0 && (idle[0] || idle[1])) -> assert(false) }
}

init {
  atomic {
    otherWord[1] = 1; otherWord[2] = 1;
    run Listener(); run Other(2); run Elsewhere();
#ifdef BETWEEN
    run Other(1)
#else
    killed[1] = 1;
    run Worker(0); run Worker(1)
#endif
  }
}
