#include "../timers.h"

#include "libev.h"

static ev_timer *timers;
static double *delays;
static uint32_t *victims;
static long called;

static void make_timers(struct round *round, long delay_count, uint64_t (*draw)(uint64_t *)) {
    uint64_t *nanoseconds = draw_delays(delay_count, draw);
    delays = malloc((size_t)delay_count * sizeof *delays);
    for (long i = 0; i < delay_count; i++) delays[i] = (double)nanoseconds[i] / 1e9;
    free(nanoseconds);
    timers = malloc((size_t)round->size * sizeof *timers);
}

static void run(struct round *round) {
    (void)round;
    ev_run(loop, 0);
}

// MARK: million_timers

static void on_timer(struct ev_loop *l, ev_timer *timer, int events) {
    (void)l, (void)timer, (void)events;
    called++;
}

static void add_timers(struct round *round) {
    for (long i = 0; i < round->size; i++) {
        ev_timer_init(&timers[i], on_timer, delays[i], 0.);
        ev_timer_start(loop, &timers[i]);
    }
}

void million_timers(struct round *round) {
    horizon_ns = round_horizon_ns(round->size);
    make_timers(round, round->size, near_delay_ns);
    add_and_fire(round, add_timers, run);
}

// MARK: timer_precision

static struct round *measured;
static int64_t *deadlines;

static void on_deadline(struct ev_loop *l, ev_timer *timer, int events) {
    (void)l, (void)events;
    round_record(measured, (int64_t)round_clock(CLOCK_MONOTONIC) - deadlines[timer - timers]);
}

static void add_and_wait(struct round *round) {
    for (long i = 0; i < round->size; i++) {
        deadlines[i] = (int64_t)round_clock(CLOCK_MONOTONIC) + (int64_t)(delays[i] * 1e9);
        ev_timer_init(&timers[i], on_deadline, delays[i], 0.);
        ev_timer_start(loop, &timers[i]);
    }
    run(round);
}

void timer_precision(struct round *round) {
    measured = round;
    round_expect_latencies(round, round->size);
    deadlines = malloc((size_t)round->size * sizeof *deadlines);
    make_timers(round, round->size, spread_delay_ns);
    stopwatch(round, add_and_wait);
    round->operations = round->size;
}

// MARK: timer_churn, timer_churn_exact, timer_again

static void make_pending(struct round *round) {
    make_timers(round, delays_needed(round), round_far_delay_ns);
    victims = draw_victims(round);
    add_timers(round);
}

// libev counts a delay from the beginning of the pass. To have it count from now, its manual says, add how long ago that was.
static inline void cancel_and_add(struct round *round, int exactly) {
    for (long i = 0; i < round->operations; i++) {
        ev_timer *timer = &timers[victims[i]];
        ev_timer_stop(loop, timer);
        ev_timer_set(timer, delays[i] + (exactly ? ev_time() - ev_now(loop) : 0.), 0.);
        ev_timer_start(loop, timer);
    }
}

static void churn(struct round *round) {
    cancel_and_add(round, 0);
}

static void churn_exactly(struct round *round) {
    cancel_and_add(round, 1);
}

void timer_churn(struct round *round) {
    make_pending(round);
    stopwatch(round, churn);
}

void timer_churn_exact(struct round *round) {
    make_pending(round);
    stopwatch(round, churn_exactly);
}

// What the manual calls the best way to push a timeout back, where there are not many of the same length.
static void push_back(struct round *round) {
    for (long i = 0; i < round->operations; i++) {
        ev_timer *timer = &timers[victims[i]];
        timer->repeat = delays[i];
        ev_timer_again(loop, timer);
    }
}

void timer_again(struct round *round) {
    make_pending(round);
    stopwatch(round, push_back);
}

// MARK: timer_repeat

static void on_repeat(struct ev_loop *l, ev_timer *timer, int events) {
    (void)timer, (void)events;
    if (++called == measured->operations) ev_break(l, EVBREAK_ALL);
}

void timer_repeat(struct round *round) {
    measured = round;
    timers = malloc((size_t)round->size * sizeof *timers);
    for (long i = 0; i < round->size; i++) {
        ev_timer_init(&timers[i], on_repeat, 0.001, 0.001);
        ev_timer_start(loop, &timers[i]);
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

static void on_start(struct ev_loop *l, ev_timer *timer, int events) {
    (void)timer, (void)events;
    ev_break(l, EVBREAK_ALL);
}

void start(struct round *round) {
    ev_timer timer;
    ev_timer_init(&timer, on_start, 0., 0.);
    ev_timer_start(loop, &timer);
    ev_run(loop, 0);
    round_started(round);
}
