#include "traceback.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#if defined(__GLIBC__) || defined(__APPLE__)
#include <execinfo.h>
#endif

// One sample at a time, for all the watchdogs of the process.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *frames[ctraceback_limit];
static int frame_count;
// Numbers the samples: what was asked for, and what was taken. A thread may answer late, when nobody waits any more.
static atomic_uint asked, taken;
static _Atomic(pthread_t) sampled;
static struct sigaction previous;

#if defined(__GLIBC__) || defined(__APPLE__)
// The signal was the program's own.
static void hand_on(int signum, siginfo_t *info, void *context) {
    if (previous.sa_flags & SA_SIGINFO)
        previous.sa_sigaction(signum, info, context);
    else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
        previous.sa_handler(signum);
}

static void handle(int signum, siginfo_t *info, void *context) {
    if (!pthread_equal(pthread_self(), atomic_load(&sampled))) return hand_on(signum, info, context);
    unsigned number = atomic_load(&asked);
    if (atomic_load(&taken) == number) return;
    int error = errno;
    // By the unwind tables: system calls and libev have no frame pointers. Loaded by an earlier call, it neither
    // allocates nor locks.
    frame_count = backtrace(frames, ctraceback_limit);
    atomic_store(&taken, number);
    errno = error;
}

int ctraceback_sample(pthread_t thread, ctraceback_ask ask, void *context, uintptr_t *addresses) {
    pthread_mutex_lock(&lock);
    int count = 0;
    backtrace(frames, 1);
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
            if (atomic_load(&taken) == number && frame_count > 2) count = frame_count - 2;
        }
        // Answered or not, it is not answered any more.
        atomic_store(&taken, number);
        if (sigaction(SIGURG, 0, &current) == 0 && current.sa_sigaction == handle) sigaction(SIGURG, &previous, 0);
    }
    memcpy(addresses, frames + 2, count * sizeof *addresses);
    pthread_mutex_unlock(&lock);
    return count;
}
#else
int ctraceback_sample(pthread_t thread, ctraceback_ask ask, void *context, uintptr_t *addresses) {
    (void)thread, (void)ask, (void)context, (void)addresses;
    return 0;
}
#endif
