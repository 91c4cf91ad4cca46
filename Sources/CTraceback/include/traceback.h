// Where on its stack a thread is: at each `throw` of Swift code, and at any moment on behalf of another thread.
//
// In C, because both are asked where nothing may be allocated, thrown or locked: inside the runtime's hook, which is
// called in the middle of a `throw`, and inside a signal handler.
#ifndef CTRACEBACK_TRACEBACK_H
#define CTRACEBACK_TRACEBACK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { ctraceback_limit = 64 };

// Remembers the stacks of the last few errors that were thrown on a thread while it was armed.
typedef struct ctraceback_recorder ctraceback_recorder;

// NULL where there is no memory.
ctraceback_recorder *ctraceback_make(void);
void ctraceback_free(ctraceback_recorder *recorder);

// Whether errors are to be recorded at all; from the beginning they are.
void ctraceback_set_enabled(ctraceback_recorder *recorder, bool enabled);

// What was armed before, for `ctraceback_disarm`.
typedef struct {
    ctraceback_recorder *recorder;
    uintptr_t end;
} ctraceback_armed;

// From now on what is thrown on this thread is recorded, with the frames that are called from the caller's.
ctraceback_armed ctraceback_arm(ctraceback_recorder *recorder);
void ctraceback_disarm(ctraceback_armed previous);

// Copies the return addresses from where `error`, which was caught a moment ago, was first thrown, innermost first, into
// `addresses`, which has room for `ctraceback_limit`, and forgets them. Returns how many they are: 0 where the error was
// not recorded, or too many others were since.
int ctraceback_take(ctraceback_recorder *recorder, const void *error, uintptr_t *addresses);

// Where a thread's stack lies; empty where that is not known.
typedef struct {
    uintptr_t begin, end;
} ctraceback_stack;

// The calling thread's. May allocate.
ctraceback_stack ctraceback_own_stack(void);

// Sends the signal to the thread that is to be sampled, and sees to it that it does not end meanwhile; false where it may
// have ended already.
typedef bool (*ctraceback_ask)(void *context, int signum);

// Where `thread`, another than this one and with this stack, is right now: the same for it, from the signal handler (SIGURG's, for the
// moment) in which it is asked, by `ask`. A system call in which it sleeps ends with EINTR where that is not begun again by
// itself, as after any signal. 0 where it does not answer within a second.
int ctraceback_sample(
    pthread_t thread, ctraceback_stack stack, ctraceback_ask ask, void *context, uintptr_t *addresses
);

#endif
