#include "../timers.h"

#include "libuv.h"

static uv_timer_t *timers;
static uint64_t *delays;
static uint32_t *victims;
static long called;

static void make_timers(struct round *round, long delay_count, uint64_t (*draw)(uint64_t *)) {
    delays = draw_delays(delay_count, draw);
    for (long i = 0; i < delay_count; i++) delays[i] = (delays[i] + 999999) / 1000000;
    timers = malloc((size_t)round->size * sizeof *timers);
}

static void run(struct round *round) {
    (void)round;
    uv_run(loop, UV_RUN_DEFAULT);
}

// MARK: million_timers

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

void million_timers(struct round *round) {
    // The last ones are due up to a millisecond later.
    horizon_ns = round_horizon_ns(round->size);
    make_timers(round, round->size, near_delay_ns);
    horizon_ns += 1000000;
    add_and_fire(round, add_timers, run);
}

// MARK: timer_precision

static struct round *measured;
static int64_t *deadlines;

static void on_deadline(uv_timer_t *timer) {
    round_record(measured, (int64_t)round_clock(CLOCK_MONOTONIC) - deadlines[timer - timers]);
}

static void add_and_wait(struct round *round) {
    for (long i = 0; i < round->size; i++) {
        deadlines[i] += (int64_t)round_clock(CLOCK_MONOTONIC);
        uv_timer_init(loop, &timers[i]);
        uv_timer_start(&timers[i], on_deadline, delays[i], 0);
    }
    run(round);
}

void timer_precision(struct round *round) {
    measured = round;
    round_expect_latencies(round, round->size);
    deadlines = (int64_t *)draw_delays(round->size, spread_delay_ns);
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

// libuv counts a delay from the beginning of the pass, unless it is told to look at the clock.
static inline void cancel_and_add(struct round *round, int exactly) {
    for (long i = 0; i < round->operations; i++) {
        uv_timer_t *timer = &timers[victims[i]];
        uv_timer_stop(timer);
        if (exactly) uv_update_time(loop);
        uv_timer_start(timer, on_timer, delays[i], 0);
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

static void push_back(struct round *round) {
    for (long i = 0; i < round->operations; i++) {
        uv_timer_t *timer = &timers[victims[i]];
        uv_timer_set_repeat(timer, delays[i]);
        uv_timer_again(timer);
    }
}

void timer_again(struct round *round) {
    make_pending(round);
    stopwatch(round, push_back);
}

// MARK: timer_repeat

static void on_repeat(uv_timer_t *timer) {
    if (++called == measured->operations) uv_stop(timer->loop);
}

void timer_repeat(struct round *round) {
    measured = round;
    timers = malloc((size_t)round->size * sizeof *timers);
    for (long i = 0; i < round->size; i++) {
        uv_timer_init(loop, &timers[i]);
        uv_timer_start(&timers[i], on_repeat, 1, 1);
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

static void on_start(uv_timer_t *timer) {
    uv_stop(timer->loop);
}

void start(struct round *round) {
    uv_timer_t timer;
    uv_timer_init(loop, &timer);
    uv_timer_start(&timer, on_start, 0, 0);
    uv_run(loop, UV_RUN_DEFAULT);
    round_started(round);
}
