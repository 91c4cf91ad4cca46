// What every peer shares, so that all do the same work and are measured alike: the command line, the stop watch, the
// random numbers, the pipes and the line with the result. The Swift program imports this header too.
#ifndef ROUND_H
#define ROUND_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

// One round of one benchmark: what was asked for, and what has been measured so far.
struct round {
    const char *peer;
    const char *benchmark;
    long size;        // how many timers, pipes or watchers there are
    long active;      // how many tokens go round a ring
    long operations;  // how many operations to do; where a benchmark does a few more, how many it did
    uint64_t wall_ns;
    uint64_t cpu_ns;
    const void *context;  // whatever a peer needs in its timed work
};

_Noreturn static inline void round_fail(const char *peer, const char *problem, const char *value) {
    fprintf(stderr, "bench-%s: %s \"%s\"; usage: BENCHMARK SIZE [ACTIVE] [--operations N]\n", peer, problem, value);
    exit(2);
}

static inline long round_number(const char *peer, const char *text) {
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < 1 || number > 100000000)
        round_fail(peer, "expected a number from 1 to 100000000, got", text);
    return number;
}

// A size of a thousand takes no longer than a blink: the least that is done in one round makes it measurable.
static inline struct round round_parse(const char *peer, const char *version, int argc, char **argv) {
    struct round round = {.peer = peer, .active = 1};
    const char *active = "1";
    int position = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--version") == 0) {
            puts(version);
            exit(0);
        } else if (strcmp(argv[i], "--operations") == 0) {
            if (i + 1 == argc) round_fail(peer, "a number is missing after", argv[i]);
            round.operations = round_number(peer, argv[++i]);
        } else if (argv[i][0] == '-') {
            round_fail(peer, "unknown option", argv[i]);
        } else if (position == 0) {
            round.benchmark = argv[i];
            position = 1;
        } else if (position == 1) {
            round.size = round_number(peer, argv[i]);
            position = 2;
        } else if (position == 2) {
            active = argv[i];
            round.active = round_number(peer, active);
            position = 3;
        } else {
            round_fail(peer, "one argument too many:", argv[i]);
        }
    }
    if (position < 2) round_fail(peer, "missing:", position == 0 ? "BENCHMARK" : "SIZE");
    if (round.active > round.size) round_fail(peer, "ACTIVE must not be larger than SIZE:", active);
    if (round.operations == 0) round.operations = round.size > 100000 ? round.size : 100000;
    return round;
}

// How often a benchmark that does `size` operations at a time has to be repeated.
static inline long round_batches(struct round round) {
    return (round.operations + round.size - 1) / round.size;
}

static inline uint64_t round_clock(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

// Does the work that counts. The driver tells callgrind to count inside of the function of this name, and nowhere else:
// hence it is never inlined.
__attribute__((noinline, unused)) static void stopwatch(struct round *round, void (*work)(struct round *)) {
    uint64_t wall = round_clock(CLOCK_MONOTONIC);
    uint64_t cpu = round_clock(CLOCK_PROCESS_CPUTIME_ID);
    work(round);
    round->cpu_ns += round_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    round->wall_ns += round_clock(CLOCK_MONOTONIC) - wall;
}

// Does work that does not.
__attribute__((unused)) static void untimed(struct round *round, void (*work)(struct round *)) {
    work(round);
}

static inline int round_print(struct round round) {
    return printf(
        "{\"benchmark\": \"%s\", \"peer\": \"%s\", \"size\": %ld, \"operations\": %ld, "
        "\"wall_ns\": %llu, \"cpu_ns\": %llu}\n",
        round.benchmark, round.peer, round.size, round.operations,
        (unsigned long long)round.wall_ns, (unsigned long long)round.cpu_ns
    );
}

// For the peers in C: the benchmarks by name, the last one without.
struct benchmark {
    const char *name;
    void (*run)(struct round *);
};

static inline int round_main(
    const char *peer, const char *version, int argc, char **argv, const struct benchmark *benchmarks
) {
    struct round round = round_parse(peer, version, argc, argv);
    while (benchmarks->name != NULL && strcmp(benchmarks->name, round.benchmark) != 0) benchmarks++;
    if (benchmarks->name == NULL) round_fail(peer, "no such benchmark:", round.benchmark);
    benchmarks->run(&round);
    round_print(round);
    return 0;
}

// The same numbers in each round and each peer (splitmix64).
static inline uint64_t round_random(uint64_t *state) {
    uint64_t mixed = *state += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31;
}

// The longest delay of the timers that are fired: 20 of them in a microsecond, so that it is over soon, but no less
// than a millisecond, so that a wheel has to turn.
static inline uint64_t round_horizon_ns(long size) {
    uint64_t horizon = (uint64_t)size * 50;
    return horizon < 1000000 ? 1000000 : horizon;
}

// The longest delay of the timers that fire one by one: the loop sleeps and wakes up between them.
static const uint64_t round_spread_ns = 1000000000;

// Waits until all timers are due. What is measured afterwards is how they are fired, and no waiting for them.
static inline void round_wait_ns(uint64_t nanoseconds) {
    struct timespec time = {
        .tv_sec = (time_t)(nanoseconds / 1000000000), .tv_nsec = (long)(nanoseconds % 1000000000)
    };
    while (nanosleep(&time, &time) != 0) {}
}

// Between one and two minutes: idle timeouts, none of which fires.
static inline uint64_t round_far_delay_ns(uint64_t *state) {
    return 60000000000 + round_random(state) % 60000000000;
}

// `count` pipes, each a pair of descriptors, the reading end first.
static inline int *round_pipes(const char *peer, long count) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int *descriptors = malloc((size_t)count * 2 * sizeof *descriptors);
    for (long i = 0; i < count; i++) {
        if (pipe(descriptors + 2 * i) != 0) round_fail(peer, "SIZE is more pipes than can be opened:", strerror(errno));
    }
    return descriptors;
}

#endif
