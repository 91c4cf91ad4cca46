// Calls from other threads, for libraries that only have a wake-up, which merges those that come close together: a queue
// beside it, as their manuals recommend.
#ifndef CALLS_H
#define CALLS_H

#include <pthread.h>

#include "../Round/Sources/CRound/round.h"

struct call {
    struct call *next;
    void (*function)(void *context);
    void *context;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct call *first;
static struct call **last = &first;

// Each peer's: ends the loop's sleep.
static void wake(void);
static void stop(void);

static inline void call_from_thread(void (*function)(void *), void *context) {
    struct call *call = malloc(sizeof *call);
    *call = (struct call){NULL, function, context};
    pthread_mutex_lock(&mutex);
    int was_empty = first == NULL;
    *last = call;
    last = &call->next;
    pthread_mutex_unlock(&mutex);
    if (was_empty) wake();
}

static inline void make_calls(void) {
    pthread_mutex_lock(&mutex);
    struct call *call = first;
    first = NULL;
    last = &first;
    pthread_mutex_unlock(&mutex);
    while (call != NULL) {
        struct call *next = call->next;
        call->function(call->context);
        free(call);
        call = next;
    }
}

static struct round *measured;
static long called;

static inline void count_call(void *context) {
    (void)context;
    if (++called == measured->operations) stop();
}

static inline void *make_many(void *context) {
    long count = *(long *)context;
    for (long i = 0; i < count; i++) call_from_thread(count_call, NULL);
    return NULL;
}

// SIZE threads call as fast as they can, until all calls were made.
static inline void pummel(struct round *round, void (*run)(void)) {
    pthread_t *threads = malloc((size_t)round->size * sizeof *threads);
    long each = round->operations / round->size;
    measured = round;
    round->operations = each * round->size;
    for (long i = 0; i < round->size; i++) pthread_create(&threads[i], NULL, make_many, &each);
    run();
    for (long i = 0; i < round->size; i++) pthread_join(threads[i], NULL);
    free(threads);
}

static inline void note_arrival(void *context) {
    round_record(measured, (int64_t)(round_clock(CLOCK_MONOTONIC) - (uint64_t)(uintptr_t)context));
    count_call(context);
}

static inline void *call_now_and_then(void *context) {
    (void)context;
    for (long i = 0; i < measured->operations; i++) {
        round_wait_ns(round_pause_ns);
        call_from_thread(note_arrival, (void *)(uintptr_t)round_clock(CLOCK_MONOTONIC));
    }
    return NULL;
}

// A thread calls a loop that is asleep, time and again.
static inline void call_the_sleeper(struct round *round, void (*run)(void)) {
    pthread_t thread;
    measured = round;
    pthread_create(&thread, NULL, call_now_and_then, NULL);
    run();
    pthread_join(thread, NULL);
}

#endif
