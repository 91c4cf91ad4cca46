#include "../calls.h"

#include "libuv.h"

static uv_loop_t *called_loop;
static uv_async_t waker;

static void wake(void) {
    uv_async_send(&waker);
}

static void stop(void) {
    uv_stop(called_loop);
}

static void on_wake(uv_async_t *handle) {
    (void)handle;
    make_calls();
}

static void run(void) {
    uv_run(called_loop, UV_RUN_DEFAULT);
}

static void prepare_to_be_called(void) {
    called_loop = loop;
    uv_async_init(loop, &waker, on_wake);
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
