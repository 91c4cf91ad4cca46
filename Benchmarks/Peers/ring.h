// What the rings of all peers in C have in common: pairs of descriptors, and tokens that go round. Each thread may have a ring.
#ifndef RING_H
#define RING_H

#include "../Round/Sources/CRound/round.h"

// How many tokens have arrived, and after how many the work is done.
static _Thread_local long called;
static _Thread_local long wanted;

static _Thread_local int *pipes;
static _Thread_local long unsent;

static inline int reading_end(long number) {
    return pipes[2 * number];
}

// The end of the pipe into which goes what was found in this one.
static inline int next_writing_end(const struct round *round, long number) {
    return pipes[2 * ((number + 1) % round->size) + 1];
}

// Of eight bytes, and a one, because that is what an eventfd takes.
static inline void send_token(int descriptor) {
    uint64_t token = 1;
    if (unsent == 0) return;
    unsent--;
    if (write(descriptor, &token, sizeof token) != sizeof token) abort();
}

// Spreads the first tokens evenly over the ring.
static inline void send_first_tokens(const struct round *round) {
    for (long i = 0; i < round->active; i++) send_token(pipes[2 * (i * (round->size / round->active)) + 1]);
}

// Whether this was the last one.
static inline int token_arrived(int descriptor, int next) {
    uint64_t token;
    if (read(descriptor, &token, sizeof token) != sizeof token) abort();
    send_token(next);
    return ++called == wanted;
}

#endif
