// The benchmarks on libuv, as its documentation recommends: handles in the program's own memory, the callback's context
// in `data`. libuv counts in whole milliseconds, so its delays are rounded down to these.
#include <uv.h>

#include "work.h"

static uv_loop_t *loop;
static uv_timer_t *timers;
static uv_poll_t *watchers;
static uint64_t *delays;
static uint32_t *victims;

static void make_timers(struct round *round, long delay_count, uint64_t (*draw)(uint64_t *)) {
    delays = draw_delays(delay_count, draw);
    for (long i = 0; i < delay_count; i++) delays[i] /= 1000000;
    timers = malloc((size_t)round->size * sizeof *timers);
}

static void run(struct round *round) {
    (void)round;
    uv_run(loop, UV_RUN_DEFAULT);
}

// MARK: timers_add, timers_fire

static void on_timer(uv_timer_t *timer) {
    (void)timer;
    called++;
}

static void add_timers(struct round *round) {
    for (long i = 0; i < round->size; i++) {
        uv_timer_init(loop, &timers[i]);
        uv_timer_start(&timers[i], on_timer, delays[i], 0);
    }
}

static void run_timers(struct round *round, int times_adding) {
    horizon_ns = round_horizon_ns(round->size);
    make_timers(round, round->size, near_delay_ns);
    add_and_fire(round, times_adding, add_timers, run);
}

static void timers_add(struct round *round) { run_timers(round, 1); }
static void timers_fire(struct round *round) { run_timers(round, 0); }

// MARK: timers_spread

static void add_and_wait(struct round *round) {
    add_timers(round);
    run(round);
}

static void timers_spread(struct round *round) {
    make_timers(round, round->size, spread_delay_ns);
    stopwatch(round, add_and_wait);
    round->operations = round->size;
}

// MARK: timer_churn, timer_again

static void make_pending(struct round *round) {
    make_timers(round, delays_needed(round), round_far_delay_ns);
    victims = draw_victims(round);
    add_timers(round);
}

static void churn(struct round *round) {
    for (long i = 0; i < round->operations; i++) {
        uv_timer_t *timer = &timers[victims[i]];
        uv_timer_stop(timer);
        uv_timer_start(timer, on_timer, delays[i], 0);
    }
}

static void timer_churn(struct round *round) {
    make_pending(round);
    stopwatch(round, churn);
}

static void push_back(struct round *round) {
    for (long i = 0; i < round->operations; i++) {
        uv_timer_t *timer = &timers[victims[i]];
        uv_timer_set_repeat(timer, delays[i]);
        uv_timer_again(timer);
    }
}

static void timer_again(struct round *round) {
    make_pending(round);
    stopwatch(round, push_back);
}

// MARK: timer_repeat

static void on_repeat(uv_timer_t *timer) {
    if (++called == wanted) uv_stop(timer->loop);
}

static void timer_repeat(struct round *round) {
    wanted = round->operations;
    timers = malloc((size_t)round->size * sizeof *timers);
    for (long i = 0; i < round->size; i++) {
        uv_timer_init(loop, &timers[i]);
        uv_timer_start(&timers[i], on_repeat, 1, 1);
    }
    stopwatch(round, run);
    round->operations = called;
}

// MARK: ring

// `data` holds both descriptors: those of the poll handle are not the program's.
static void on_readable(uv_poll_t *watcher, int status, int events) {
    (void)status, (void)events;
    intptr_t both = (intptr_t)watcher->data;
    if (token_arrived((int)(both & 0xffffffff), (int)(both >> 32))) uv_stop(watcher->loop);
}

static void watch_pipes(struct round *round) {
    pipes = round_pipes(round->peer, round->size);
    watchers = malloc((size_t)round->size * sizeof *watchers);
    for (long i = 0; i < round->size; i++) {
        uv_poll_init(loop, &watchers[i], reading_end(i));
        watchers[i].data = (void *)((intptr_t)next_writing_end(round, i) << 32 | reading_end(i));
        uv_poll_start(&watchers[i], UV_READABLE, on_readable);
    }
    uv_run(loop, UV_RUN_NOWAIT);
}

static void pass_tokens(struct round *round) {
    send_first_tokens(round);
    uv_run(loop, UV_RUN_DEFAULT);
}

static void ring(struct round *round) {
    wanted = unsent = round->operations;
    watch_pipes(round);
    stopwatch(round, pass_tokens);
}

// MARK: rearm

static void pause_and_resume(struct round *round) {
    long batches = round_batches(*round);
    for (long batch = 0; batch < batches; batch++) {
        for (long i = 0; i < round->size; i++) uv_poll_stop(&watchers[i]);
        uv_run(loop, UV_RUN_NOWAIT);
        for (long i = 0; i < round->size; i++) uv_poll_start(&watchers[i], UV_READABLE, on_readable);
        uv_run(loop, UV_RUN_NOWAIT);
    }
    round->operations = batches * round->size;
}

static void rearm(struct round *round) {
    watch_pipes(round);
    stopwatch(round, pause_and_resume);
}

static const struct benchmark benchmarks[] = {
    {"timers_add", timers_add},     {"timers_fire", timers_fire}, {"timers_spread", timers_spread},
    {"timer_churn", timer_churn},   {"timer_again", timer_again}, {"timer_repeat", timer_repeat},
    {"ring", ring},                 {"rearm", rearm},             {NULL, NULL},
};

int main(int argc, char **argv) {
    loop = uv_default_loop();
    return round_main("libuv", uv_version_string(), argc, argv, benchmarks);
}
