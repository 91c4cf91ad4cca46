#include <signal.h>

#include "../children.h"

#include "libevent.h"

// libevent has no child watchers: the signal tells, and waitpid who it was.
static void on_child(evutil_socket_t signal, short events, void *context) {
    (void)signal, (void)events, (void)context;
    while (waitpid(-1, NULL, WNOHANG) > 0) {
        running--;
        start_child();
    }
    if (running == 0) event_base_loopbreak(base);
}

static void bear(struct round *round) {
    for (long i = 0; i < round->size; i++) start_child();
    event_base_dispatch(base);
}

// As many children at once as SIZE says.
void spawn(struct round *round) {
    struct event watcher;
    evsignal_assign(&watcher, base, SIGCHLD, on_child, NULL);
    evsignal_add(&watcher, NULL);
    unstarted = round->operations;
    stopwatch(round, bear);
}
