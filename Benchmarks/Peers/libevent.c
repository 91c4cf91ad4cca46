// The benchmarks on libevent, as its documentation recommends where speed counts: the events in the program's own
// memory, by event_assign.
#include <event2/event.h>
#include <event2/event_struct.h>

#include "work.h"

static struct event_base *base;
static struct event *timers;
static struct event *watchers;
static struct timeval *delays;
static uint32_t *victims;

static void make_timers(struct round *round, long delay_count, uint64_t (*draw)(uint64_t *)) {
    uint64_t *nanoseconds = draw_delays(delay_count, draw);
    delays = malloc((size_t)delay_count * sizeof *delays);
    for (long i = 0; i < delay_count; i++) {
        delays[i].tv_sec = (time_t)(nanoseconds[i] / 1000000000);
        delays[i].tv_usec = (suseconds_t)(nanoseconds[i] % 1000000000 / 1000);
    }
    free(nanoseconds);
    timers = malloc((size_t)round->size * sizeof *timers);
}

static void run(struct round *round) {
    (void)round;
    event_base_dispatch(base);
}

// MARK: timers_add, timers_fire

static void on_timer(evutil_socket_t descriptor, short events, void *context) {
    (void)descriptor, (void)events, (void)context;
    called++;
}

static void add_timers(struct round *round) {
    for (long i = 0; i < round->size; i++) {
        evtimer_assign(&timers[i], base, on_timer, NULL);
        evtimer_add(&timers[i], &delays[i]);
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
        struct event *timer = &timers[victims[i]];
        evtimer_del(timer);
        evtimer_add(timer, &delays[i]);
    }
}

static void timer_churn(struct round *round) {
    make_pending(round);
    stopwatch(round, churn);
}

// Adding an event that is pending replaces its timeout.
static void push_back(struct round *round) {
    for (long i = 0; i < round->operations; i++) evtimer_add(&timers[victims[i]], &delays[i]);
}

static void timer_again(struct round *round) {
    make_pending(round);
    stopwatch(round, push_back);
}

// MARK: timer_repeat

static void on_repeat(evutil_socket_t descriptor, short events, void *context) {
    (void)descriptor, (void)events, (void)context;
    if (++called == wanted) event_base_loopbreak(base);
}

static void timer_repeat(struct round *round) {
    struct timeval interval = {.tv_sec = 0, .tv_usec = 1000};
    wanted = round->operations;
    timers = malloc((size_t)round->size * sizeof *timers);
    for (long i = 0; i < round->size; i++) {
        event_assign(&timers[i], base, -1, EV_PERSIST, on_repeat, NULL);
        event_add(&timers[i], &interval);
    }
    stopwatch(round, run);
    round->operations = called;
}

// MARK: ring

static void on_readable(evutil_socket_t descriptor, short events, void *context) {
    (void)events;
    if (token_arrived(descriptor, (int)(intptr_t)context)) event_base_loopbreak(base);
}

static void watch_pipes(struct round *round) {
    pipes = round_pipes(round->peer, round->size);
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

static void ring(struct round *round) {
    wanted = unsent = round->operations;
    watch_pipes(round);
    stopwatch(round, pass_tokens);
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
    base = event_base_new();
    return round_main("libevent", event_get_version(), argc, argv, benchmarks);
}
