// What the timers of all peers in C have in common: the numbers they work on, drawn before the clock runs.
#ifndef TIMERS_H
#define TIMERS_H

#include "../Round/Sources/CRound/round.h"

static uint64_t horizon_ns;

// Delays of timers that fire soon.
static inline uint64_t near_delay_ns(uint64_t *state) {
    return round_random(state) % horizon_ns;
}

// `count` delays in nanoseconds, for a peer to turn into what its library counts in, and free.
static inline uint64_t *draw_delays(long count, uint64_t (*draw)(uint64_t *)) {
    uint64_t state = 1;
    uint64_t *delays = malloc((size_t)count * sizeof *delays);
    for (long i = 0; i < count; i++) delays[i] = draw(&state);
    return delays;
}

// Delays of timers that fire one by one.
static inline uint64_t spread_delay_ns(uint64_t *state) {
    return round_random(state) % round_spread_ns;
}

// For each operation the number of the timer that it changes.
static inline uint32_t *draw_victims(const struct round *round) {
    uint64_t state = 2;
    uint32_t *victims = malloc((size_t)round->operations * sizeof *victims);
    for (long i = 0; i < round->operations; i++)
        victims[i] = (uint32_t)(round_random(&state) % (uint64_t)round->size);
    return victims;
}

// So many delays are needed to have all timers pending and to change one with each operation.
static inline long delays_needed(const struct round *round) {
    return round->operations > round->size ? round->operations : round->size;
}

// Adds all timers and fires all when they are due, and measures the two apart.
static inline void add_and_fire(struct round *round, void (*add)(struct round *), void (*fire)(struct round *)) {
    struct round adding = *round;
    long batches = round_batches(*round);
    adding.benchmark = "timers_add";
    round->benchmark = "timers_fire";
    for (long i = 0; i < batches; i++) {
        stopwatch(&adding, add);
        round_wait_ns(horizon_ns);
        stopwatch(round, fire);
    }
    round->operations = adding.operations = batches * round->size;
    round_print(adding);
}

// Does work whose memory counts.
static inline void weigh(struct round *round, void (*work)(struct round *)) {
    long before = round_resident_bytes();
    stopwatch(round, work);
    round->bytes = round_resident_bytes() - before;
    round->operations = round->size;
}

#endif
