#include "traceback.h"

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

#if defined(__GLIBC__) || defined(__APPLE__)
static void handle(int signum) {
    unsigned number = atomic_load(&asked);
    if (atomic_load(&taken) == number) return;
    // By the unwind tables: system calls and libev have no frame pointers. Loaded by an earlier call, it neither
    // allocates nor locks.
    frame_count = backtrace(frames, ctraceback_limit);
    atomic_store(&taken, number);
    (void)signum;
}

int ctraceback_sample(pthread_t thread, uintptr_t *addresses) {
    pthread_mutex_lock(&lock);
    int count = 0;
    backtrace(frames, 1);
    // Of the signals, the one that nobody misses: it is ignored unless it is caught.
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART}, previous;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGURG, &action, &previous) == 0) {
        unsigned number = atomic_fetch_add(&asked, 1) + 1;
        if (pthread_kill(thread, SIGURG) == 0) {
            struct timespec pause = {.tv_nsec = 1000000};
            for (int i = 0; i < 1000 && atomic_load(&taken) != number; i++) nanosleep(&pause, 0);
            if (atomic_load(&taken) == number) count = frame_count;
        }
        // Answered or not, it is not answered any more.
        atomic_store(&taken, number);
        sigaction(SIGURG, &previous, 0);
    }
    memcpy(addresses, frames, count * sizeof *addresses);
    pthread_mutex_unlock(&lock);
    return count;
}
#else
int ctraceback_sample(pthread_t thread, uintptr_t *addresses) {
    (void)thread, (void)addresses;
    return 0;
}
#endif
