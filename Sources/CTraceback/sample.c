// For pthread_getattr_np.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "traceback.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#if defined(__GLIBC__)
#include <unwind.h>
#elif defined(__APPLE__)
#include <execinfo.h>
#endif

// What is found on a stack.
struct walk {
    int count;
    uintptr_t addresses[ctraceback_limit];
    uintptr_t frame;
};

// One sample at a time, for all the watchdogs of the process.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct walk found;
static ctraceback_stack stack;
// Numbers the samples: what was asked for, and what was taken. A thread may answer late, when nobody waits any more.
static atomic_uint asked, taken;
static _Atomic(pthread_t) sampled;
static struct sigaction previous;

#if defined(__GLIBC__)
ctraceback_stack ctraceback_own_stack(void) {
    ctraceback_stack stack = {0, 0};
    pthread_attr_t attributes;
    void *begin;
    size_t size;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return stack;
    if (pthread_attr_getstack(&attributes, &begin, &size) == 0) {
        stack.begin = (uintptr_t)begin;
        stack.end = stack.begin + size;
    }
    pthread_attr_destroy(&attributes);
    return stack;
}
#else
// Not needed: frame pointers are what backtrace goes by, or nothing is sampled.
ctraceback_stack ctraceback_own_stack(void) {
    return (ctraceback_stack){0, 0};
}
#endif

#if defined(__GLIBC__) || defined(__APPLE__)
// The signal was the program's own.
static void hand_on(int signum, siginfo_t *info, void *context) {
    if (previous.sa_flags & SA_SIGINFO)
        previous.sa_sigaction(signum, info, context);
    else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
        previous.sa_handler(signum);
}

#if defined(__GLIBC__)
// DWARF's number of the register.
#if defined(__x86_64__)
enum { frame_pointer = 6 };
#elif defined(__aarch64__)
enum { frame_pointer = 29 };
#endif

static _Unwind_Reason_Code note_frame(struct _Unwind_Context *context, void *argument) {
    struct walk *walk = argument;
    uintptr_t address = _Unwind_GetIP(context);
#if defined(__x86_64__) || defined(__aarch64__)
    walk->frame = _Unwind_GetGR(context, frame_pointer);
#endif
    // The outermost one is called by nobody.
    if (address == 0 || walk->count == ctraceback_limit) return _URC_END_OF_STACK;
    walk->addresses[walk->count++] = address;
    return _URC_NO_REASON;
}

// Functions that cannot throw, as Swift's that call nothing but C's clock_gettime, have no unwind tables in release builds,
// and end the walk by these; Swift's have frame pointers, though. What else is in the frame pointer when a function of
// another language has it for its own use is looked at only where it is an address on the stack, and further up than the
// one before.
__attribute__((no_sanitize("address", "thread"))) static void follow_frame_pointers(
    struct walk *walk, ctraceback_stack stack
) {
    uintptr_t least = (uintptr_t)__builtin_frame_address(0), frame = walk->frame;
    // It may be on another one, of the program's own making.
    if (least < stack.begin || least >= stack.end) return;
    while (walk->count < ctraceback_limit && frame >= least && frame % sizeof frame == 0) {
        if (frame > stack.end - 2 * sizeof frame) return;
        const uintptr_t *words = (const uintptr_t *)frame;
        if (words[1] == 0) return;
        walk->addresses[walk->count++] = words[1];
        least = frame + 1;
        frame = words[0];
    }
}

// By the unwind tables first: system calls and libev have no frame pointers. Loaded by an earlier call, the unwinder does not
// allocate.
static inline __attribute__((always_inline)) void take(struct walk *walk, ctraceback_stack stack) {
    walk->count = 0;
    walk->frame = 0;
    _Unwind_Backtrace(note_frame, walk);
    follow_frame_pointers(walk, stack);
}
#else
static inline __attribute__((always_inline)) void take(struct walk *walk, ctraceback_stack stack) {
    (void)stack;
    walk->count = backtrace((void **)walk->addresses, ctraceback_limit);
}
#endif

static void handle(int signum, siginfo_t *info, void *context) {
    if (!pthread_equal(pthread_self(), atomic_load(&sampled))) return hand_on(signum, info, context);
    unsigned number = atomic_load(&asked);
    if (atomic_load(&taken) == number) return;
    int error = errno;
    // Its own until it is done: it may be so late that the next sample is being taken.
    struct walk walk;
    take(&walk, stack);
    if (atomic_load(&asked) == number && atomic_load(&taken) != number) {
        found = walk;
        atomic_store(&taken, number);
    }
    errno = error;
}

int ctraceback_sample(
    pthread_t thread, ctraceback_stack of, ctraceback_ask ask, void *context, uintptr_t *addresses
) {
    pthread_mutex_lock(&lock);
    int count = 0;
    stack = of;
    struct walk first;
    take(&first, (ctraceback_stack){0, 0});
    // Of the signals, the one that nobody misses: it is ignored unless it is caught.
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_RESTART | SA_SIGINFO}, current;
    sigemptyset(&action.sa_mask);
    atomic_store(&sampled, thread);
    if (sigaction(SIGURG, &action, &previous) == 0) {
        unsigned number = atomic_fetch_add(&asked, 1) + 1;
        if (ask(context, SIGURG)) {
            struct timespec pause = {.tv_nsec = 1000000};
            for (int i = 0; i < 1000 && atomic_load(&taken) != number; i++) nanosleep(&pause, 0);
            // The first two are the handler's own, and what the system puts below it. Where it was in the middle of a
            // call, there may be no others.
            if (atomic_load(&taken) == number && found.count > 2) count = found.count - 2;
        }
        // Answered or not, it is not answered any more.
        atomic_store(&taken, number);
        if (sigaction(SIGURG, 0, &current) == 0 && current.sa_sigaction == handle) sigaction(SIGURG, &previous, 0);
    }
    memcpy(addresses, found.addresses + 2, count * sizeof *addresses);
    pthread_mutex_unlock(&lock);
    return count;
}
#else
int ctraceback_sample(
    pthread_t thread, ctraceback_stack of, ctraceback_ask ask, void *context, uintptr_t *addresses
) {
    (void)thread, (void)of, (void)ask, (void)context, (void)addresses;
    return 0;
}
#endif
