#include "../loops.h"
#include "../ring.h"
#include "../timers.h"

#include "libev.h"

static _Thread_local ev_io *watchers;

// MARK: ring

static void on_readable(struct ev_loop *l, ev_io *watcher, int events) {
    (void)events;
    if (token_arrived(watcher->fd, (int)(intptr_t)watcher->data)) ev_break(l, EVBREAK_ALL);
}

static void watch(struct round *round, int kind) {
    wanted = unsent = round->operations;
    pipes = round_pairs(round->peer, round->size, kind);
    watchers = malloc((size_t)round->size * sizeof *watchers);
    for (long i = 0; i < round->size; i++) {
        ev_io_init(&watchers[i], on_readable, reading_end(i), EV_READ);
        watchers[i].data = (void *)(intptr_t)next_writing_end(round, i);
        ev_io_start(loop, &watchers[i]);
    }
    ev_run(loop, EVRUN_NOWAIT);
}

static void pass_tokens(struct round *round) {
    send_first_tokens(round);
    ev_run(loop, 0);
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
    loop = ev_loop_new(EVFLAG_NOENV);
    watch_pipes(round);
}

void many_reactors(struct round *round) {
    run_loops(round, watch_pipes_in_a_new_loop, pass_tokens);
}

// MARK: rearm

// A pause lasts a pass, as that of a reader does that waits for a slow writer.
static void pause_and_resume(struct round *round) {
    long batches = round_batches(*round);
    for (long batch = 0; batch < batches; batch++) {
        for (long i = 0; i < round->size; i++) ev_io_stop(loop, &watchers[i]);
        ev_run(loop, EVRUN_NOWAIT);
        for (long i = 0; i < round->size; i++) ev_io_start(loop, &watchers[i]);
        ev_run(loop, EVRUN_NOWAIT);
    }
    round->operations = batches * round->size;
}

void rearm(struct round *round) {
    watch_pipes(round);
    stopwatch(round, pause_and_resume);
}

// MARK: loop_count

static void make_passes(struct round *round) {
    for (long i = 0; i < round->operations; i++) ev_run(loop, EVRUN_NOWAIT);
}

void loop_count(struct round *round) {
    watch_pipes(round);
    stopwatch(round, make_passes);
}

// MARK: idle

static void on_end(struct ev_loop *l, ev_timer *timer, int events) {
    (void)timer, (void)events;
    ev_break(l, EVBREAK_ALL);
}

static void rest(struct round *round) {
    ev_timer end;
    ev_timer_init(&end, on_end, (double)round->operations / 1e3, 0.);
    ev_timer_start(loop, &end);
    ev_run(loop, 0);
}

// An operation is a millisecond.
void idle(struct round *round) {
    uint64_t *delays = draw_delays(round->size, round_far_delay_ns);
    ev_timer *timers = malloc((size_t)round->size * sizeof *timers);
    for (long i = 0; i < round->size; i++) {
        ev_timer_init(&timers[i], on_end, (double)delays[i] / 1e9, 0.);
        ev_timer_start(loop, &timers[i]);
    }
    watch(round, round_readers);
    stopwatch(round, rest);
}

// MARK: footprint_watchers

static void add_watchers(struct round *round) {
    watchers = malloc((size_t)round->size * sizeof *watchers);
    for (long i = 0; i < round->size; i++) {
        ev_io_init(&watchers[i], on_readable, reading_end(i), EV_READ);
        ev_io_start(loop, &watchers[i]);
    }
    ev_run(loop, EVRUN_NOWAIT);
}

void footprint_watchers(struct round *round) {
    pipes = round_pairs(round->peer, round->size, round_readers);
    weigh(round, add_watchers);
}
