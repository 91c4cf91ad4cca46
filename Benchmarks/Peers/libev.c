// The benchmarks on raw libev, as its manual recommends: the watchers in the program's own memory, the callback's
// context in `data`.
#include <ev.h>

#include "../Round/round.h"

static struct ev_loop *loop;
static long called;

// Delays are made before the clock runs: to draw them is not the loop's work.
static double *delays;
static uint32_t *victims;

static void make_delays(long count, uint64_t (*draw)(uint64_t *)) {
    uint64_t state = 1;
    delays = malloc((size_t)count * sizeof *delays);
    for (long i = 0; i < count; i++) delays[i] = (double)draw(&state) / 1e9;
}

// MARK: timers_add, timers_fire

static ev_timer *timers;

static void on_timer(struct ev_loop *l, ev_timer *watcher, int events) {
    (void)l, (void)watcher, (void)events;
    called++;
}

static void add_timers(struct round *round) {
    for (long i = 0; i < round->size; i++) {
        ev_timer_init(&timers[i], on_timer, delays[i], 0.);
        ev_timer_start(loop, &timers[i]);
    }
}

static void fire_timers(struct round *round) {
    (void)round;
    ev_run(loop, 0);
}

static uint64_t horizon;
static uint64_t draw_near(uint64_t *state) { return round_random(state) % horizon; }

static void run_timers(struct round *round, int times_adding) {
    horizon = round_horizon_ns(round->size);
    make_delays(round->size, draw_near);
    timers = malloc((size_t)round->size * sizeof *timers);
    long batches = round_batches(*round);
    for (long i = 0; i < batches; i++) {
        (times_adding ? stopwatch : untimed)(round, add_timers);
        round_wait_ns(horizon);
        (times_adding ? untimed : stopwatch)(round, fire_timers);
    }
    round->operations = called;
}

static void timers_add(struct round *round) { run_timers(round, 1); }
static void timers_fire(struct round *round) { run_timers(round, 0); }

// MARK: timer_churn, timer_again

static void make_pending(struct round *round, double repeat) {
    uint64_t state = 2;
    make_delays(round->operations > round->size ? round->operations : round->size, round_far_delay_ns);
    victims = malloc((size_t)round->operations * sizeof *victims);
    for (long i = 0; i < round->operations; i++)
        victims[i] = (uint32_t)(round_random(&state) % (uint64_t)round->size);
    timers = malloc((size_t)round->size * sizeof *timers);
    for (long i = 0; i < round->size; i++) {
        ev_timer_init(&timers[i], on_timer, delays[i], repeat);
        ev_timer_start(loop, &timers[i]);
    }
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
    make_pending(round, 0.);
    stopwatch(round, churn);
}

// The manual's best way for a timeout that is pushed back: ev_timer_again.
static void push_back(struct round *round) {
    for (long i = 0; i < round->operations; i++) {
        ev_timer *timer = &timers[victims[i]];
        timer->repeat = delays[i];
        ev_timer_again(loop, timer);
    }
}

static void timer_again(struct round *round) {
    make_pending(round, 60.);
    stopwatch(round, push_back);
}

// MARK: timer_repeat

static long wanted;

static void on_repeat(struct ev_loop *l, ev_timer *watcher, int events) {
    (void)watcher, (void)events;
    if (++called == wanted) ev_break(l, EVBREAK_ALL);
}

static void timer_repeat(struct round *round) {
    wanted = round->operations;
    timers = malloc((size_t)round->size * sizeof *timers);
    for (long i = 0; i < round->size; i++) {
        ev_timer_init(&timers[i], on_repeat, 0.001, 0.001);
        ev_timer_start(loop, &timers[i]);
    }
    stopwatch(round, fire_timers);
    round->operations = called;
}

// MARK: ring

static ev_io *watchers;
static int *pipes;
static long unsent;

static void send_token(int descriptor) {
    char token = 0;
    if (unsent == 0) return;
    unsent--;
    if (write(descriptor, &token, 1) != 1) abort();
}

// `data` is the end of the next pipe.
static void on_readable(struct ev_loop *l, ev_io *watcher, int events) {
    (void)events;
    char token;
    if (read(watcher->fd, &token, 1) != 1) abort();
    send_token((int)(intptr_t)watcher->data);
    if (++called == wanted) ev_break(l, EVBREAK_ALL);
}

static void watch_pipes(struct round *round) {
    long size = round->size;
    pipes = round_pipes(round->peer, size);
    watchers = malloc((size_t)size * sizeof *watchers);
    for (long i = 0; i < size; i++) {
        ev_io_init(&watchers[i], on_readable, pipes[2 * i], EV_READ);
        watchers[i].data = (void *)(intptr_t)pipes[2 * ((i + 1) % size) + 1];
        ev_io_start(loop, &watchers[i]);
    }
    ev_run(loop, EVRUN_NOWAIT);
}

static void pass_tokens(struct round *round) {
    for (long i = 0; i < round->active; i++) send_token(pipes[2 * (i * (round->size / round->active)) + 1]);
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
    {"timers_add", timers_add},   {"timers_fire", timers_fire},   {"timer_churn", timer_churn},
    {"timer_again", timer_again}, {"timer_repeat", timer_repeat}, {"ring", ring},
    {"rearm", rearm},             {NULL, NULL},
};

int main(int argc, char **argv) {
    loop = ev_loop_new(EVFLAG_NOENV);
    char version[32];
    snprintf(version, sizeof version, "%d.%d", ev_version_major(), ev_version_minor());
    return round_main("libev", version, argc, argv, benchmarks);
}
