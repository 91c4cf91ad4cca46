// One loop for each of several threads, each with a ring of its own.
#ifndef LOOPS_H
#define LOOPS_H

#include <pthread.h>

#include "../Round/Sources/CRound/round.h"

// Lets threads wait until all of them are ready, so that what they do begins at the same time.
struct start_line {
    pthread_mutex_t mutex;
    pthread_cond_t opened;
    long missing;
};

static inline void wait_for_all(struct start_line *line) {
    pthread_mutex_lock(&line->mutex);
    if (--line->missing == 0) pthread_cond_broadcast(&line->opened);
    while (line->missing > 0) pthread_cond_wait(&line->opened, &line->mutex);
    pthread_mutex_unlock(&line->mutex);
}

struct loops {
    struct start_line line;
    struct round each;
    void (*prepare)(struct round *);
    void (*run)(struct round *);
};

static inline void *run_one_loop(void *context) {
    struct loops *loops = context;
    struct round round = loops->each;
    loops->prepare(&round);
    wait_for_all(&loops->line);
    loops->run(&round);
    return NULL;
}

static inline void start_and_join(struct round *round) {
    struct loops *loops = (struct loops *)round->context;
    pthread_t *threads = malloc((size_t)round->size * sizeof *threads);
    for (long i = 0; i < round->size; i++) pthread_create(&threads[i], NULL, run_one_loop, loops);
    for (long i = 0; i < round->size; i++) pthread_join(threads[i], NULL);
    free(threads);
}

// SIZE loops share the operations: each runs a ring of 100 pipes with 10 tokens.
static inline void run_loops(struct round *round, void (*prepare)(struct round *), void (*run)(struct round *)) {
    struct loops loops = {
        .line = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, round->size},
        .each = {.peer = round->peer, .size = 100, .active = 10, .operations = round->operations / round->size},
        .prepare = prepare,
        .run = run,
    };
    round->context = &loops;
    stopwatch(round, start_and_join);
    round->operations = loops.each.operations * round->size;
}

#endif
