#include "../loops.h"
#include "../ring.h"
#include "../timers.h"

#include "libuv.h"

static _Thread_local uv_poll_t *watchers;

// MARK: ring

// `data` holds both descriptors: those of the poll handle are not the program's.
static void on_readable(uv_poll_t *watcher, int status, int events) {
    (void)status, (void)events;
    intptr_t both = (intptr_t)watcher->data;
    if (token_arrived((int)(both & 0xffffffff), (int)(both >> 32))) uv_stop(watcher->loop);
}

static void watch(struct round *round, int kind) {
    wanted = unsent = round->operations;
    pipes = round_pairs(round->peer, round->size, kind);
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

static void watch_pipes(struct round *round) {
    watch(round, round_pipes);
}

void ring(struct round *round) {
    watch_pipes(round);
    stopwatch(round, pass_tokens);
}

void ring_sockets(struct round *round) {
    watch(round, round_sockets);
    stopwatch(round, pass_tokens);
}

void ring_eventfds(struct round *round) {
    watch(round, round_eventfds);
    stopwatch(round, pass_tokens);
}

// MARK: many_reactors

static void watch_pipes_in_a_new_loop(struct round *round) {
    loop = malloc(sizeof *loop);
    uv_loop_init(loop);
    watch_pipes(round);
}

void many_reactors(struct round *round) {
    run_loops(round, watch_pipes_in_a_new_loop, pass_tokens);
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

void rearm(struct round *round) {
    watch_pipes(round);
    stopwatch(round, pause_and_resume);
}

// MARK: loop_count

static void make_passes(struct round *round) {
    for (long i = 0; i < round->operations; i++) uv_run(loop, UV_RUN_NOWAIT);
}

void loop_count(struct round *round) {
    watch_pipes(round);
    stopwatch(round, make_passes);
}

// MARK: idle

static void on_end(uv_timer_t *timer) {
    uv_stop(timer->loop);
}

static void rest(struct round *round) {
    uv_timer_t end;
    uv_timer_init(loop, &end);
    uv_timer_start(&end, on_end, (uint64_t)round->operations, 0);
    uv_run(loop, UV_RUN_DEFAULT);
}

// An operation is a millisecond.
void idle(struct round *round) {
    uint64_t *delays = draw_delays(round->size, round_far_delay_ns);
    uv_timer_t *timers = malloc((size_t)round->size * sizeof *timers);
    for (long i = 0; i < round->size; i++) {
        uv_timer_init(loop, &timers[i]);
        uv_timer_start(&timers[i], on_end, delays[i] / 1000000, 0);
    }
    watch(round, round_readers);
    stopwatch(round, rest);
}

// MARK: footprint_watchers

static void add_watchers(struct round *round) {
    watchers = malloc((size_t)round->size * sizeof *watchers);
    for (long i = 0; i < round->size; i++) {
        uv_poll_init(loop, &watchers[i], reading_end(i));
        uv_poll_start(&watchers[i], UV_READABLE, on_readable);
    }
    uv_run(loop, UV_RUN_NOWAIT);
}

void footprint_watchers(struct round *round) {
    pipes = round_pairs(round->peer, round->size, round_readers);
    weigh(round, add_watchers);
}
