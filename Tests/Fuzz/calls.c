/*
 * Sequences of calls of the C interface, for libFuzzer: each byte of the input chooses a function, an object or a value,
 * also inside of callbacks, which go on reading where the call that led to them has stopped. Nothing may crash, hang or
 * leak, and each userdata has to be destroyed exactly once and not be used afterwards.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <reactor.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- The input ---- */

static const uint8_t *input;
static size_t rest;
static int calls_left; /* a callback may ask for more for ever */

static uint8_t next(void) {
    if (rest == 0) return 0;
    rest -= 1;
    return *input++;
}

static int is_over(void) {
    return rest == 0 || calls_left-- <= 0;
}

static int64_t some_time(void) {
    static const int64_t times[] = {
        0, 1, 1000, 20 * REACTOR_MICROSECOND, 100 * REACTOR_MICROSECOND, REACTOR_SECOND, INT64_MAX, INT64_MAX - 1, -1,
        INT64_MIN
    };
    return times[next() % COUNT(times)];
}

static unsigned some_interest(void) {
    static const unsigned interests[] = {
        REACTOR_READ, REACTOR_WRITE, REACTOR_READ | REACTOR_WRITE, REACTOR_READ | REACTOR_KEEP, 0, REACTOR_ERROR, ~0u
    };
    return interests[next() % COUNT(interests)];
}

static int some_signal(void) {
    static const int signals[] = {SIGUSR1, SIGUSR2, SIGWINCH, SIGKILL, 0, -1, 65, 1 << 30};
    return signals[next() % COUNT(signals)];
}

static const char *some_label(void) {
    static const char *labels[] = {NULL, "", "label", "a longer label with some words in it", "\xff\xfe"};
    return labels[next() % COUNT(labels)];
}

/* ---- What there is ---- */

struct cookie {
    int is_registered, is_destroyed, is_lost;
    struct cookie *next;
};

struct thread_call {
    reactor_t *reactor;
    struct cookie *cookie;
    const char *label;
};

static struct cookie *cookies;
static reactor_t *reactors[3];
static reactor_source_t *sources[12];
static int descriptors[6]; /* -1 where there is none; the numbers are used again and again */

static void require(int condition, const char *text) {
    if (condition) return;
    fprintf(stdout, "%s\n", text);
    abort();
}

static struct cookie *new_cookie(void) {
    struct cookie *cookie = calloc(1, sizeof *cookie);
    cookie->next = cookies;
    cookies = cookie;
    return cookie;
}

static void register_cookie(struct cookie *cookie, int result) {
    if (result < 0) require(!cookie->is_destroyed, "what failed was destroyed");
    cookie->is_lost = result < 0;
}

static reactor_t *some_reactor(void) {
    return reactors[next() % COUNT(reactors)];
}

static reactor_source_t *some_source(void) {
    return sources[next() % COUNT(sources)];
}

static int some_descriptor(void) {
    uint8_t choice = next();
    if (choice == 255) return -1;
    if (choice == 254) return 1 << 30;
    return descriptors[choice % COUNT(descriptors)];
}

/* Keeps the reference to a new source; where it takes the place of another, that is released. */
static void keep(reactor_source_t *source) {
    reactor_source_t **place = &sources[next() % COUNT(sources)];
    if (!source) return;
    reactor_source_unref(*place);
    *place = source;
}

static void step(void);

static int call_back(reactor_t *reactor, struct cookie *cookie) {
    static const char *texts[] = {"text", "\xff", NULL};
    require(!cookie->is_destroyed && !cookie->is_lost, "called after it was destroyed");
    while (!is_over() && next() % 3) step();
    require(!cookie->is_destroyed, "destroyed while it is called");
    if (next() % 8) return 0;
    reactor_fail(reactor, texts[next() % COUNT(texts)]);
    return next() % 2 ? -EIO : INT32_MIN;
}

static int on_call(reactor_t *reactor, void *cookie) {
    return call_back(reactor, cookie);
}

static int on_interval(reactor_source_t *source, uint64_t count, void *cookie) {
    reactor_t *reactor = NULL;
    require(count > 0, "no interval went by");
    reactor_source_reactor(source, &reactor);
    return call_back(reactor, cookie);
}

static int on_ready(reactor_source_t *source, int fd, unsigned events, void *cookie) {
    reactor_t *reactor = NULL;
    char byte;
    reactor_source_reactor(source, &reactor);
    if (events & REACTOR_ERROR) require(!reactor_source_is_active(source), "a lost source is active");
    if (next() % 2) (void)!read(fd, &byte, 1);
    return call_back(reactor, cookie);
}

static int on_signal(reactor_source_t *source, int signal, void *cookie) {
    reactor_t *reactor = NULL;
    (void)signal;
    reactor_source_reactor(source, &reactor);
    return call_back(reactor, cookie);
}

static int on_failure(reactor_t *reactor, const struct reactor_failure *failure, void *cookie) {
    require(strlen(failure->report) > 0 && failure->code < 0, "a failure without a report");
    return call_back(reactor, cookie);
}

static void on_destroy(void *userdata) {
    struct cookie *cookie = userdata;
    require(!cookie->is_destroyed && !cookie->is_lost, "destroyed twice, or what was not registered");
    cookie->is_destroyed = 1;
    while (!is_over() && next() % 4 == 3) step();
}

static int on_end(reactor_t *reactor, void *userdata) {
    (void)userdata;
    return reactor_stop(reactor);
}

/* ---- The steps ---- */

static void new_descriptors(void) {
    int pair[2], *places[2] = {&descriptors[next() % COUNT(descriptors)], &descriptors[next() % COUNT(descriptors)]};
    int kind = next() % 4;
    if (kind == 0) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0) return;
    } else if (kind == 1) {
        pair[0] = open("/dev/null", O_RDWR);
        pair[1] = open("/dev/zero", O_RDWR);
    } else if (pipe2(pair, O_NONBLOCK) < 0) {
        return;
    }
    for (int i = 0; i < 2; i += 1) {
        if (*places[i] >= 0) close(*places[i]);
        *places[i] = pair[i];
    }
}

static void close_descriptor(void) {
    int *place = &descriptors[next() % COUNT(descriptors)];
    int other = descriptors[next() % COUNT(descriptors)];
    if (*place < 0) return;
    if (next() % 2 && other >= 0) {
        dup2(other, *place); /* the number is another file's at once */
    } else {
        close(*place);
        *place = -1;
    }
}

static void *call_from_thread(void *argument) {
    struct thread_call *call = argument;
    int result = reactor_call_from_thread(call->reactor, on_call, call->cookie, on_destroy, call->label);
    register_cookie(call->cookie, result);
    require(reactor_run(call->reactor) < 0, "another thread ran a reactor");
    return NULL;
}

static void start_thread(void) {
    struct thread_call call = {some_reactor(), new_cookie(), some_label()};
    pthread_t thread;
    if (pthread_create(&thread, NULL, call_from_thread, &call) == 0) pthread_join(thread, NULL);
}

static void add_source(void) {
    struct cookie *cookie = new_cookie();
    reactor_t *reactor = some_reactor();
    reactor_source_t *source = NULL, **ret = next() % 4 ? &source : NULL;
    reactor_destroy_t destroy = next() % 8 ? on_destroy : NULL;
    int result = 0;
    switch (next() % 5) {
    case 0: result = reactor_call_when_running(reactor, on_call, cookie, destroy, some_label(), ret); break;
    case 1: result = reactor_call_later(reactor, some_time(), on_call, cookie, destroy, some_label(), ret); break;
    case 2: result = reactor_call_every(reactor, some_time(), on_interval, cookie, destroy, some_label(), ret); break;
    case 3:
        result = reactor_add_io(
            reactor, some_descriptor(), some_interest(), on_ready, cookie, destroy, some_label(), ret
        );
        break;
    case 4: result = reactor_add_signal(reactor, some_signal(), on_signal, cookie, destroy, some_label(), ret); break;
    }
    cookie->is_registered = result >= 0 && destroy;
    register_cookie(cookie, result);
    if (result >= 0) keep(source);
}

static void use_source(void) {
    reactor_source_t *source = some_source();
    reactor_t *reactor;
    const char *label;
    void *userdata;
    int64_t deadline;
    switch (next() % 14) {
    case 0: case 1: case 2: reactor_source_cancel(source); break;
    case 3: reactor_source_reset(source, some_time()); break;
    case 4: reactor_source_delay(source, some_time()); break;
    case 5: reactor_source_deadline(source, &deadline); break;
    case 6: reactor_source_set_interest(source, some_interest()); break;
    case 7: reactor_source_pause(source); break;
    case 8: reactor_source_resume(source); break;
    case 9: reactor_source_interest(source); reactor_source_number(source); reactor_source_kind(source); break;
    case 10: reactor_source_reactor(source, &reactor); break;
    case 11:
        if (reactor_source_label(source, &label) == 0 && label) require(strlen(label) < 100, "a wrong label");
        break;
    case 12: reactor_source_userdata(source, &userdata); break;
    case 13: if (reactor_source_ref(source) == 0) keep(source); break;
    }
}

static void release_source(void) {
    reactor_source_t **place = &sources[next() % COUNT(sources)], *source = *place;
    *place = NULL;
    reactor_source_unref(source);
}

static void new_reactor(void) {
    static const char *backends[] = {NULL, "select", "poll", "epoll", "kqueue", "io_uring", "\xff"};
    reactor_t **place = &reactors[next() % COUNT(reactors)];
    if (!*place && reactor_new(backends[next() % COUNT(backends)], place) < 0) *place = NULL;
}

static void release_reactor(void) {
    reactor_t **place = &reactors[next() % COUNT(reactors)], *reactor = *place;
    if (next() % 4) return; /* rarely, so that there is something to do */
    *place = NULL;
    reactor_unref(reactor);
}

static void list_sources(void) {
    reactor_source_t *list[4];
    int count = reactor_sources(some_reactor(), list, COUNT(list));
    for (int i = 0; i < count && i < (int)COUNT(list); i += 1) {
        require(reactor_source_is_active(list[i]) == 1, "a source that is over is listed");
    }
}

static void run(void) {
    reactor_t *reactor = some_reactor();
    if (reactor_call_later(reactor, 0, on_end, NULL, NULL, "end", NULL) == 0) reactor_run(reactor);
}

static void host(void) {
    struct pollfd descriptor = {reactor_poll_fd(some_reactor()), POLLIN, 0};
    if (descriptor.fd >= 0) poll(&descriptor, 1, 0);
}

static void set_handler(void) {
    struct cookie *cookie = new_cookie();
    int has_handler = next() % 4;
    int result = reactor_set_failure_handler(some_reactor(), has_handler ? on_failure : NULL, cookie, on_destroy);
    cookie->is_registered = result >= 0;
    register_cookie(cookie, result);
}

static void look_inside(void) {
    struct reactor_figures figures;
    char *snapshot = NULL;
    reactor_set_slow_threshold(some_reactor(), (int64_t)(next() % 4) * REACTOR_SECOND);
    reactor_figures(some_reactor(), &figures);
    if (reactor_snapshot(some_reactor(), &snapshot) == 0) free(snapshot);
    reactor_set_timeline(some_reactor(), next() % 2 ? "/dev/null" : NULL);
}

static void step(void) {
    const char *name;
    int64_t time;
    switch (next() % 25) {
    case 0: case 1: case 2: case 3: case 4: add_source(); break;
    case 5: case 6: case 7: use_source(); break;
    case 8: release_source(); break;
    case 9: new_reactor(); break;
    case 10: release_reactor(); break;
    case 11: new_descriptors(); break;
    case 12: close_descriptor(); break;
    case 13: case 14: reactor_run_once(some_reactor(), 0); break;
    case 15: reactor_run_once(some_reactor(), 50 * REACTOR_MICROSECOND); break;
    case 16: run(); break;
    case 17: reactor_stop(some_reactor()); break;
    case 18: reactor_dispatch(some_reactor()); reactor_next_deadline(some_reactor(), &time); break;
    case 19: host(); break;
    case 20: set_handler(); break;
    case 21: if (next() % 8 == 0) start_thread(); break;
    case 22: (void)!write(some_descriptor(), "x", 1); break;
    case 23:
        list_sources();
        reactor_now(some_reactor(), &time);
        reactor_backend(some_reactor(), &name);
        reactor_is_running(some_reactor());
        if (next() % 4 == 0) raise(next() % 2 ? SIGUSR1 : SIGUSR2);
        break;
    case 24: look_inside(); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input = data;
    rest = size;
    calls_left = 2000;
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < COUNT(descriptors); i += 1) descriptors[i] = -1;
    reactor_new(NULL, &reactors[0]);

    while (!is_over()) step();

    calls_left = 0;
    for (size_t i = 0; i < COUNT(reactors); i += 1) {
        reactor_unref(reactors[i]);
        reactors[i] = NULL;
    }
    for (size_t i = 0; i < COUNT(sources); i += 1) {
        require(reactor_source_is_active(sources[i]) <= 0, "a source without a reactor is active");
        reactor_source_unref(sources[i]);
        sources[i] = NULL;
    }
    for (size_t i = 0; i < COUNT(descriptors); i += 1) {
        if (descriptors[i] >= 0) close(descriptors[i]);
    }
    while (cookies) {
        struct cookie *cookie = cookies;
        require(!cookie->is_registered || cookie->is_destroyed, "userdata was not destroyed");
        cookies = cookie->next;
        free(cookie);
    }
    return 0;
}
