// What every peer shares, so that all do the same work and are measured alike: the command line, the stop watch, the
// random numbers, the descriptors and the line with the result. The Swift programs import this header too.
#ifndef ROUND_H
#define ROUND_H

#ifdef __linux__
#include <sys/eventfd.h>
#endif

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
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
    int64_t *latencies;  // as many as were recorded, in nanoseconds
    long latency_count;
    long bytes;           // how much memory the operations took
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

// For work that begins in one callback and ends in another.
static inline void round_begin(struct round *round) {
    round->wall_ns -= round_clock(CLOCK_MONOTONIC);
    round->cpu_ns -= round_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static inline void round_end(struct round *round) {
    round->cpu_ns += round_clock(CLOCK_PROCESS_CPUTIME_ID);
    round->wall_ns += round_clock(CLOCK_MONOTONIC);
}

// Does the work that counts. The driver tells callgrind to count inside of the function of this name, and nowhere else:
// hence it is never inlined.
__attribute__((noinline, unused)) static void stopwatch(struct round *round, void (*work)(struct round *)) {
    round_begin(round);
    work(round);
    round_end(round);
}

// Makes room for so many latencies; those beyond are not kept.
static inline void round_expect_latencies(struct round *round, long count) {
    round->latencies = malloc((size_t)count * sizeof *round->latencies);
}

static inline void round_record(struct round *round, int64_t nanoseconds) {
    round->latencies[round->latency_count++] = nanoseconds;
}

static inline int round_by_size(const void *one, const void *other) {
    int64_t left = *(const int64_t *)one, right = *(const int64_t *)other;
    return (left > right) - (left < right);
}

// The latency that so many of a hundred do not exceed.
static inline long long round_percentile(struct round round, int percent) {
    return (long long)round.latencies[(round.latency_count - 1) * percent / 100];
}

static inline void round_print(struct round round) {
    printf(
        "{\"benchmark\": \"%s\", \"peer\": \"%s\", \"size\": %ld, \"operations\": %ld, "
        "\"wall_ns\": %llu, \"cpu_ns\": %llu, \"bytes\": %ld",
        round.benchmark, round.peer, round.size, round.operations,
        (unsigned long long)round.wall_ns, (unsigned long long)round.cpu_ns, round.bytes
    );
    if (round.latency_count > 0) {
        qsort(round.latencies, (size_t)round.latency_count, sizeof *round.latencies, round_by_size);
        printf(
            ", \"latency_ns\": {\"min\": %lld, \"p50\": %lld, \"p99\": %lld, \"max\": %lld}",
            round_percentile(round, 0), round_percentile(round, 50), round_percentile(round, 99),
            round_percentile(round, 100)
        );
    }
    puts("}");
    fflush(stdout);
}

// For the peers in C: the benchmarks by name, the last one without. Where `run` measures several things, it prints all but
// the last itself.
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
static const uint64_t round_spread_ns = 200000000;

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

// What a pair of descriptors is. Where nothing is written, the reading ends of one pipe do, and take half as many; so does an
// eventfd, which is both ends, where tokens of eight bytes are.
enum { round_pipes, round_sockets, round_readers, round_eventfds };

static inline int round_open_pair(int kind, int *pair, const int *first) {
    if (kind == round_sockets) return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    if (kind == round_eventfds) {
#ifdef __linux__
        pair[0] = pair[1] = eventfd(0, EFD_SEMAPHORE);
        return pair[0] < 0 ? -1 : 0;
#else
        errno = ENOSYS;
        return -1;
#endif
    }
    if (kind == round_pipes || pair == first) return pipe(pair);
    pair[0] = dup(first[0]);
    pair[1] = first[1];
    return pair[0] < 0 ? -1 : 0;
}

// `count` pairs of descriptors, the reading end first.
static inline int *round_pairs(const char *peer, long count, int kind) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int *descriptors = malloc((size_t)count * 2 * sizeof *descriptors);
    for (long i = 0; i < count; i++) {
        int *pair = descriptors + 2 * i;
        if (round_open_pair(kind, pair, descriptors) != 0)
            round_fail(peer, "SIZE is more pairs of descriptors than can be opened:", strerror(errno));
    }
    return descriptors;
}

// How much of the process is in memory now.
static inline long round_resident_bytes(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL) return 0;
    if (fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

// The first callback has come: what counts is the time since the driver, which put it into the environment, started this
// process.
static inline void round_started(struct round *round) {
    const char *started = getenv("BENCH_STARTED_NS");
    uint64_t now = round_clock(CLOCK_MONOTONIC);
    round->wall_ns = started == NULL ? 0 : now - strtoull(started, NULL, 10);
    round->cpu_ns = round_clock(CLOCK_PROCESS_CPUTIME_ID);
    round->operations = 1;
}

// A thread that does something beside the loop.
static inline pthread_t round_start_thread(void *(*work)(void *), void *context) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, context) != 0) abort();
    return thread;
}

// How long a thread waits between two calls to a loop that is to be asleep when they come.
static const uint64_t round_pause_ns = 200000;

// What is echoed.
enum { round_message_size = 64 };

#endif
