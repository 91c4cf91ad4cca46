#include "../calls.h"

#include "libev.h"

static struct ev_loop *called_loop;
static ev_async waker;

static void wake(void) {
    ev_async_send(called_loop, &waker);
}

static void stop(void) {
    ev_break(called_loop, EVBREAK_ALL);
}

static void on_wake(struct ev_loop *l, ev_async *watcher, int events) {
    (void)l, (void)watcher, (void)events;
    make_calls();
}

static void run(void) {
    ev_run(called_loop, 0);
}

static void prepare_to_be_called(void) {
    called_loop = loop;
    ev_async_init(&waker, on_wake);
    ev_async_start(loop, &waker);
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
