#include "../timers.h"

#include "libevent.h"

static struct event *timers;
static struct timeval *delays;
static uint32_t *victims;
static long called;

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

// MARK: million_timers

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

void million_timers(struct round *round) {
    horizon_ns = round_horizon_ns(round->size);
    make_timers(round, round->size, near_delay_ns);
    add_and_fire(round, add_timers, run);
}

// MARK: timer_precision

static struct round *measured;

static void on_deadline(evutil_socket_t descriptor, short events, void *context) {
    (void)descriptor, (void)events;
    round_record(measured, (int64_t)round_clock(CLOCK_MONOTONIC) - *(int64_t *)context);
}

static void add_and_wait(struct round *round) {
    int64_t *deadlines = (int64_t *)round->context;
    for (long i = 0; i < round->size; i++) {
        deadlines[i] += (int64_t)round_clock(CLOCK_MONOTONIC);
        evtimer_assign(&timers[i], base, on_deadline, &deadlines[i]);
        evtimer_add(&timers[i], &delays[i]);
    }
    run(round);
}

// Without this flag, timers are early by up to a tick of the system's.
static void use_precise_timers(void) {
    struct event_config *config = event_config_new();
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    base = event_base_new_with_config(config);
    event_config_free(config);
}

void timer_precision(struct round *round) {
    use_precise_timers();
    measured = round;
    round_expect_latencies(round, round->size);
    round->context = draw_delays(round->size, spread_delay_ns);
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

void timer_churn(struct round *round) {
    make_pending(round);
    stopwatch(round, churn);
}

// Adding an event that is pending replaces its timeout.
static void push_back(struct round *round) {
    for (long i = 0; i < round->operations; i++) evtimer_add(&timers[victims[i]], &delays[i]);
}

void timer_again(struct round *round) {
    make_pending(round);
    stopwatch(round, push_back);
}

// MARK: timer_repeat

static void on_repeat(evutil_socket_t descriptor, short events, void *context) {
    (void)descriptor, (void)events, (void)context;
    if (++called == measured->operations) event_base_loopbreak(base);
}

void timer_repeat(struct round *round) {
    struct timeval interval = {.tv_sec = 0, .tv_usec = 1000};
    measured = round;
    timers = malloc((size_t)round->size * sizeof *timers);
    for (long i = 0; i < round->size; i++) {
        event_assign(&timers[i], base, -1, EV_PERSIST, on_repeat, NULL);
        event_add(&timers[i], &interval);
    }
    stopwatch(round, run);
}

// MARK: footprint_timers

static void allocate_and_add(struct round *round) {
    timers = malloc((size_t)round->size * sizeof *timers);
    add_timers(round);
}

void footprint_timers(struct round *round) {
    make_timers(round, round->size, round_far_delay_ns);
    free(timers);
    weigh(round, allocate_and_add);
}

// MARK: start

static void on_start(evutil_socket_t descriptor, short events, void *context) {
    (void)descriptor, (void)events, (void)context;
    event_base_loopbreak(base);
}

void start(struct round *round) {
    struct timeval now = {0};
    struct event timer;
    evtimer_assign(&timer, base, on_start, NULL);
    evtimer_add(&timer, &now);
    event_base_dispatch(base);
    round_started(round);
}
