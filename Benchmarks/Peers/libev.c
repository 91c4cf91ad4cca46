// The benchmarks on raw libev, as its manual recommends: the watchers in the program's own memory, the callback's
// context in `data`.
#include <ev.h>

#include "work.h"

static struct ev_loop *loop;
static ev_timer *timers;
static ev_io *watchers;
static double *delays;
static uint32_t *victims;

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

// MARK: timers_add, timers_fire

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
        ev_timer *timer = &timers[victims[i]];
        ev_timer_stop(loop, timer);
        ev_timer_set(timer, delays[i], 0.);
        ev_timer_start(loop, timer);
    }
}

static void timer_churn(struct round *round) {
    make_pending(round);
    stopwatch(round, churn);
}

// What the manual calls the best way to push a timeout back, where there are not many of the same length.
static void push_back(struct round *round) {
    for (long i = 0; i < round->operations; i++) {
        ev_timer *timer = &timers[victims[i]];
        timer->repeat = delays[i];
        ev_timer_again(loop, timer);
    }
}

static void timer_again(struct round *round) {
    make_pending(round);
    stopwatch(round, push_back);
}

// MARK: timer_repeat

static void on_repeat(struct ev_loop *l, ev_timer *timer, int events) {
    (void)timer, (void)events;
    if (++called == wanted) ev_break(l, EVBREAK_ALL);
}

static void timer_repeat(struct round *round) {
    wanted = round->operations;
    timers = malloc((size_t)round->size * sizeof *timers);
    for (long i = 0; i < round->size; i++) {
        ev_timer_init(&timers[i], on_repeat, 0.001, 0.001);
        ev_timer_start(loop, &timers[i]);
    }
    stopwatch(round, run);
    round->operations = called;
}

// MARK: ring

static void on_readable(struct ev_loop *l, ev_io *watcher, int events) {
    (void)events;
    if (token_arrived(watcher->fd, (int)(intptr_t)watcher->data)) ev_break(l, EVBREAK_ALL);
}

static void watch_pipes(struct round *round) {
    pipes = round_pipes(round->peer, round->size);
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

static void ring(struct round *round) {
    wanted = unsent = round->operations;
    watch_pipes(round);
    stopwatch(round, pass_tokens);
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
    char version[32];
    snprintf(version, sizeof version, "%d.%d", ev_version_major(), ev_version_minor());
    loop = ev_loop_new(EVFLAG_NOENV);
    return round_main("libev", version, argc, argv, benchmarks);
}
