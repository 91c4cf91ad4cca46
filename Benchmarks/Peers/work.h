// What the peers in C have in common: the numbers they work on, drawn before the clock runs, and the ring's tokens.
#ifndef WORK_H
#define WORK_H

#include "../Round/round.h"

// How many callbacks there were, and after how many the work is done.
static long called;
static long wanted;

static uint64_t horizon_ns;

// Delays of timers that fire soon.
static uint64_t near_delay_ns(uint64_t *state) {
    return round_random(state) % horizon_ns;
}

// `count` delays in nanoseconds, for a peer to turn into what its library counts in, and free.
static uint64_t *draw_delays(long count, uint64_t (*draw)(uint64_t *)) {
    uint64_t state = 1;
    uint64_t *delays = malloc((size_t)count * sizeof *delays);
    for (long i = 0; i < count; i++) delays[i] = draw(&state);
    return delays;
}

// Delays of timers that fire one by one.
static uint64_t spread_delay_ns(uint64_t *state) {
    return round_random(state) % round_spread_ns;
}

// For each operation the number of the timer that it changes.
static uint32_t *draw_victims(const struct round *round) {
    uint64_t state = 2;
    uint32_t *victims = malloc((size_t)round->operations * sizeof *victims);
    for (long i = 0; i < round->operations; i++)
        victims[i] = (uint32_t)(round_random(&state) % (uint64_t)round->size);
    return victims;
}

// So many delays are needed to have all timers pending and to change one with each operation.
static long delays_needed(const struct round *round) {
    return round->operations > round->size ? round->operations : round->size;
}

// Adds all timers and fires all when they are due; one of the two is measured. After the last measured adding nothing
// needs to be fired.
static void add_and_fire(
    struct round *round, int times_adding, void (*add)(struct round *), void (*fire)(struct round *)
) {
    long batches = round_batches(*round);
    for (long i = 0; i < batches; i++) {
        (times_adding ? stopwatch : untimed)(round, add);
        if (times_adding && i == batches - 1) break;
        round_wait_ns(horizon_ns);
        (times_adding ? untimed : stopwatch)(round, fire);
    }
    round->operations = batches * round->size;
}

static int *pipes;
static long unsent;

static int reading_end(long number) {
    return pipes[2 * number];
}

// The end of the pipe into which goes what was found in this one.
static int next_writing_end(const struct round *round, long number) {
    return pipes[2 * ((number + 1) % round->size) + 1];
}

static void send_token(int descriptor) {
    char token = 0;
    if (unsent == 0) return;
    unsent--;
    if (write(descriptor, &token, 1) != 1) abort();
}

// Spreads the first tokens evenly over the ring.
static void send_first_tokens(const struct round *round) {
    for (long i = 0; i < round->active; i++) send_token(pipes[2 * (i * (round->size / round->active)) + 1]);
}

// Whether this was the last one.
static int token_arrived(int descriptor, int next) {
    char token;
    if (read(descriptor, &token, 1) != 1) abort();
    send_token(next);
    return ++called == wanted;
}

#endif
