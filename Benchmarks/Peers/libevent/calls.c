#include <event2/thread.h>

#include "../calls.h"

#include "libevent.h"

static struct event_base *called_base;
static struct event waker;

static void wake(void) {
    event_active(&waker, EV_READ, 0);
}

static void stop(void) {
    event_base_loopbreak(called_base);
}

static void on_wake(evutil_socket_t descriptor, short events, void *context) {
    (void)descriptor, (void)events, (void)context;
    make_calls();
}

static void run(void) {
    event_base_loop(called_base, EVLOOP_NO_EXIT_ON_EMPTY);
}

static void prepare_to_be_called(void) {
    // Before the base is made that other threads use.
    evthread_use_pthreads();
    called_base = event_base_new();
    event_assign(&waker, called_base, -1, EV_PERSIST, on_wake, NULL);
}

static void be_pummelled(struct round *round) {
    pummel(round, run);
}

void async_pummel(struct round *round) {
    prepare_to_be_called();
    stopwatch(round, be_pummelled);
}

static void be_woken(struct round *round) {
    call_the_sleeper(round, run);
}

void wakeup(struct round *round) {
    prepare_to_be_called();
    round_expect_latencies(round, round->operations);
    stopwatch(round, be_woken);
}
