#include "../children.h"

#include "libev.h"

static void on_child(struct ev_loop *l, ev_child *watcher, int events);

static void start_and_watch(ev_child *watcher) {
    pid_t child = start_child();
    if (child == 0) return;
    ev_child_init(watcher, on_child, child, 0);
    ev_child_start(loop, watcher);
}

static void on_child(struct ev_loop *l, ev_child *watcher, int events) {
    (void)events;
    ev_child_stop(l, watcher);
    running--;
    start_and_watch(watcher);
    if (running == 0) ev_break(l, EVBREAK_ALL);
}

static void bear(struct round *round) {
    ev_child *watchers = malloc((size_t)round->size * sizeof *watchers);
    for (long i = 0; i < round->size; i++) start_and_watch(&watchers[i]);
    ev_run(loop, 0);
    free(watchers);
}

// As many children at once as SIZE says.
void spawn(struct round *round) {
    unstarted = round->operations;
    stopwatch(round, bear);
}
