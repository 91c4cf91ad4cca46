#include "signals.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

static struct {
    // Plus one; 0 for none.
    atomic_int descriptor;
    // The process to which it has come, which a child that was forked since is not; 0 for none.
    atomic_int came;
    // How many threads are in the handler.
    atomic_int handling;
    struct sigaction previous;
    // Whose mask has it no more.
    pthread_t thread;
    bool was_blocked;
} states[NSIG];

static void handle(int signum) {
    int error = errno;
    atomic_fetch_add(&states[signum].handling, 1);
    atomic_store(&states[signum].came, getpid());
    int descriptor = atomic_load(&states[signum].descriptor) - 1;
    if (descriptor >= 0) {
        uint64_t one = 1;
        // Full, it is readable already.
        ssize_t ignored = write(descriptor, &one, sizeof one);
        (void)ignored;
    }
    atomic_fetch_sub(&states[signum].handling, 1);
    errno = error;
}

static int change_mask(int how, int signum, bool *was_blocked) {
    sigset_t signals, previous;
    sigemptyset(&signals);
    sigaddset(&signals, signum);
    int error = pthread_sigmask(how, &signals, &previous);
    if (error == 0 && was_blocked) *was_blocked = sigismember(&previous, signum) == 1;
    return error;
}

int csignals_watch(int signum, int descriptor) {
    // Interrupted system calls go on, for the program's other threads; the loop's own sleep never does.
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    atomic_store(&states[signum].came, 0);
    atomic_store(&states[signum].descriptor, descriptor + 1);
    if (sigaction(signum, &action, &states[signum].previous) != 0) {
        int error = errno;
        atomic_store(&states[signum].descriptor, 0);
        return error;
    }
    states[signum].thread = pthread_self();
    return change_mask(SIG_UNBLOCK, signum, &states[signum].was_blocked);
}

void csignals_unwatch(int signum) {
    if (states[signum].was_blocked && pthread_equal(states[signum].thread, pthread_self()))
        change_mask(SIG_BLOCK, signum, 0);
    struct sigaction current;
    if (sigaction(signum, 0, &current) == 0 && current.sa_handler == handle)
        sigaction(signum, &states[signum].previous, 0);
    atomic_store(&states[signum].descriptor, 0);
    // Another thread may be about to write. It is there for a moment only; in a forked child it may not be there at all.
    for (int i = 0; i < 10000 && atomic_load(&states[signum].handling) > 0; i++) sched_yield();
}

bool csignals_take(int signum) {
    int came = atomic_exchange(&states[signum].came, 0);
    return came != 0 && came == getpid();
}

bool csignals_is_ignored(int signum) {
    struct sigaction current;
    return sigaction(signum, 0, &current) == 0 && current.sa_handler == SIG_IGN;
}
