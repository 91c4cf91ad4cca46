#include "../loops.h"
#include "../ring.h"
#include "../timers.h"

#include "libevent.h"

static _Thread_local struct event *watchers;

// MARK: ring

static void on_readable(evutil_socket_t descriptor, short events, void *context) {
    (void)events;
    if (token_arrived(descriptor, (int)(intptr_t)context)) event_base_loopbreak(base);
}

static void watch(struct round *round, int kind) {
    wanted = unsent = round->operations;
    pipes = round_pairs(round->peer, round->size, kind);
    watchers = malloc((size_t)round->size * sizeof *watchers);
    for (long i = 0; i < round->size; i++) {
        void *next = (void *)(intptr_t)next_writing_end(round, i);
        event_assign(&watchers[i], base, reading_end(i), EV_READ | EV_PERSIST, on_readable, next);
        event_add(&watchers[i], NULL);
    }
    event_base_loop(base, EVLOOP_NONBLOCK);
}

static void pass_tokens(struct round *round) {
    send_first_tokens(round);
    event_base_dispatch(base);
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
    base = event_base_new();
    watch_pipes(round);
}

void many_reactors(struct round *round) {
    run_loops(round, watch_pipes_in_a_new_loop, pass_tokens);
}

// MARK: rearm

static void pause_and_resume(struct round *round) {
    long batches = round_batches(*round);
    for (long batch = 0; batch < batches; batch++) {
        for (long i = 0; i < round->size; i++) event_del(&watchers[i]);
        event_base_loop(base, EVLOOP_NONBLOCK);
        for (long i = 0; i < round->size; i++) event_add(&watchers[i], NULL);
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    round->operations = batches * round->size;
}

void rearm(struct round *round) {
    watch_pipes(round);
    stopwatch(round, pause_and_resume);
}

// MARK: loop_count

static void make_passes(struct round *round) {
    for (long i = 0; i < round->operations; i++) event_base_loop(base, EVLOOP_NONBLOCK);
}

void loop_count(struct round *round) {
    watch_pipes(round);
    stopwatch(round, make_passes);
}

// MARK: idle

static void on_end(evutil_socket_t descriptor, short events, void *context) {
    (void)descriptor, (void)events, (void)context;
    event_base_loopbreak(base);
}

static void rest(struct round *round) {
    struct timeval delay = {.tv_sec = round->operations / 1000, .tv_usec = round->operations % 1000 * 1000};
    struct event end;
    evtimer_assign(&end, base, on_end, NULL);
    evtimer_add(&end, &delay);
    event_base_dispatch(base);
}

// An operation is a millisecond.
void idle(struct round *round) {
    uint64_t *delays = draw_delays(round->size, round_far_delay_ns);
    struct event *timers = malloc((size_t)round->size * sizeof *timers);
    for (long i = 0; i < round->size; i++) {
        struct timeval delay = {.tv_sec = (time_t)(delays[i] / 1000000000)};
        evtimer_assign(&timers[i], base, on_end, NULL);
        evtimer_add(&timers[i], &delay);
    }
    watch(round, round_readers);
    stopwatch(round, rest);
}

// MARK: footprint_watchers

static void add_watchers(struct round *round) {
    watchers = malloc((size_t)round->size * sizeof *watchers);
    for (long i = 0; i < round->size; i++) {
        event_assign(&watchers[i], base, reading_end(i), EV_READ | EV_PERSIST, on_readable, NULL);
        event_add(&watchers[i], NULL);
    }
    event_base_loop(base, EVLOOP_NONBLOCK);
}

void footprint_watchers(struct round *round) {
    pipes = round_pairs(round->peer, round->size, round_readers);
    weigh(round, add_watchers);
}
