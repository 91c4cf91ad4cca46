/*
 * swift-reactor for C, C++ and whatever else can call C: an event loop on libev, with timers, descriptors, signals
 * and calls from other threads, all called back on one thread.
 *
 *     #include <reactor.h>
 *
 *     static int hello(reactor_t *reactor, void *userdata) {
 *         puts(userdata);
 *         return reactor_stop(reactor);
 *     }
 *
 *     int main(void) {
 *         reactor_t *reactor;
 *         if (reactor_new(NULL, &reactor) < 0) return 1;
 *         reactor_call_later(reactor, 2 * REACTOR_SECOND, hello, "two seconds later", NULL, "hello", NULL);
 *         reactor_run(reactor);
 *         return reactor_unref(reactor);
 *     }
 *
 * Results. Each function returns 0, or a count, or a negative errno, and then has changed nothing:
 *     -EINVAL   a wrong argument: NULL where something is needed, a negative time, an unknown signal or backend
 *     -EPERM    called on another thread than the reactor's
 *     -ENOENT   the call or source is over, or its reactor is gone
 *     -EBADF    the descriptor is negative or not open
 *     -EMFILE   the process has no descriptor left for the reactor's own
 * and those that a function names itself. No function ends the process, whatever it is given, as long as pointers
 * point to what they say.
 *
 * Threads. A reactor belongs to the thread that made it; all its callbacks come there, and every function that takes
 * it, or one of its sources, is for that thread. The exceptions are reactor_call_from_thread, reactor_stop,
 * reactor_ref and reactor_unref. Any number of threads may have reactors of their own.
 *
 * Callbacks. They come inside of reactor_run, reactor_run_once and reactor_dispatch, in this order: calls from
 * threads, then due calls by their deadline, then descriptors; on one descriptor those that read before those that
 * write, and none that was cancelled a moment ago. Any callback may call any function, reactor_run_once and the
 * release of what it belongs to included. A callback that returns a negative number has failed: that is reported
 * (see "Failures"), and the loop goes on. C++ exceptions must not leave a callback.
 *
 * Userdata. It is handed to each callback. `destroy`, unless NULL, is called with it exactly once: when the callback
 * will not be called again, on the reactor's thread. It is not called by a function that fails, which keeps nothing.
 *
 * Sources. The reactor owns what is registered with it, until it is over. A function that registers something
 * returns a reference to it in `ret`, for later use, which has to be released with reactor_source_unref; that
 * cancels nothing. With NULL for `ret` there is nothing to release. `label` names the source in reports; it is
 * copied, and may be NULL.
 *
 * Time. Lengths of time and deadlines are nanoseconds, on a monotonic clock. No call is early. INT64_MAX is never.
 *
 * The host. The library touches no signal, no child process and no descriptor of the program's, unless it is asked
 * to.
 */
#ifndef REACTOR_H
#define REACTOR_H

#include <stddef.h>
#include <stdint.h>

#define REACTOR_VERSION "0.1.0"

#define REACTOR_MICROSECOND INT64_C(1000)
#define REACTOR_MILLISECOND INT64_C(1000000)
#define REACTOR_SECOND INT64_C(1000000000)

#ifdef __cplusplus
extern "C" {
#endif

/* An event loop. */
typedef struct reactor reactor_t;

/* Something registered with a reactor: a call to come, a descriptor or a signal that is watched. */
typedef struct reactor_source reactor_source_t;

/* What a source is, and what a failed callback was called for. */
enum reactor_kind {
    REACTOR_CALL_WHEN_RUNNING = 1,
    REACTOR_CALL_LATER = 2,
    REACTOR_CALL_EVERY = 3,
    REACTOR_CALL_FROM_THREAD = 4,
    REACTOR_IO = 5,
    REACTOR_SIGNAL = 6
};

/* What a descriptor is watched for, and what it is ready for. */
enum reactor_events {
    REACTOR_READ = 1 << 0,  /* a read would not block: there is something, or the end, or an error */
    REACTOR_WRITE = 1 << 1, /* a write would not block: there is room, or an error */
    REACTOR_ERROR = 1 << 2, /* to callbacks only: the descriptor was closed, or cannot be watched; the source is over */
    REACTOR_KEEP = 1 << 3   /* to reactor_add_io only: a failing callback does not cancel the source */
};

/* The callback of a single call. */
typedef int (*reactor_callback_t)(reactor_t *reactor, void *userdata);
/* Of a repeated one. `count` is how many intervals went by since the last: 1, or more where the reactor was busy. */
typedef int (*reactor_every_callback_t)(reactor_source_t *source, uint64_t count, void *userdata);
/* Of a descriptor. `events` is what of its interest it is ready for, or REACTOR_ERROR. */
typedef int (*reactor_io_callback_t)(reactor_source_t *source, int fd, unsigned events, void *userdata);
/* Of a signal. */
typedef int (*reactor_signal_callback_t)(reactor_source_t *source, int signal, void *userdata);
/* Releases userdata. */
typedef void (*reactor_destroy_t)(void *userdata);

/* The version of the library, in static memory; REACTOR_VERSION is that of the header. Any thread. */
const char *reactor_version(void);

/* ---- Reactors ---- */

/*
 * A reference to the reactor of the process, which is made on first use and then belongs to the first user's thread.
 * The environment variable REACTOR_BACKEND may name its backend. It is never destroyed. Any thread. -EMFILE.
 */
int reactor_shared(reactor_t **ret);

/*
 * A new reactor, for the calling thread, with one reference. `backend` is "select", "poll", "epoll" or "kqueue", or
 * NULL for the best one. -EINVAL for an unknown backend, -ENOTSUP for one that this system does not have, -EMFILE.
 */
int reactor_new(const char *backend, reactor_t **ret);

/* One more reference. Any thread that can rely on another reference during the call. */
int reactor_ref(reactor_t *reactor);

/*
 * One reference less. The last one destroys the reactor, with all its sources; inside of a callback, when the run
 * that called it is over. Any thread, but -EPERM, and the reference stays, for the last one on another thread than
 * the reactor's: let threads release theirs first.
 */
int reactor_unref(reactor_t *reactor);

/* The name of its backend, in memory of the reactor's. */
int reactor_backend(reactor_t *reactor, const char **ret);

/* ---- Running ---- */

/*
 * Waits and calls back until reactor_stop, and not before, even with nothing registered. May be called again then.
 * No signal stops it: add a source for SIGINT that does. -EBUSY from inside of a callback.
 */
int reactor_run(reactor_t *reactor);

/*
 * One pass: calls what is due and ready; where nothing is, waits for the first, at most for `timeout`. With zero it
 * does not wait. Returns how many callbacks were called. May be called inside of a callback; the source that
 * this is the callback of does not watch in it.
 */
int reactor_run_once(reactor_t *reactor, int64_t timeout);

/*
 * Ends reactor_run when the present pass is over. On the reactor's thread -ENOENT where it does not run. Any other
 * thread; then it ends the next run where none is under way.
 */
int reactor_stop(reactor_t *reactor);

/* 1 while reactor_run is under way, else 0. */
int reactor_is_running(reactor_t *reactor);

/* The time, read afresh. */
int reactor_now(reactor_t *reactor, int64_t *ret);

/* ---- Calls ---- */

/* Calls once, when reactor_run has begun; in the next pass, if it has already. Several are called in order. */
int reactor_call_when_running(
    reactor_t *reactor, reactor_callback_t callback, void *userdata, reactor_destroy_t destroy, const char *label,
    reactor_source_t **ret
);

/*
 * Calls once, that long from now, and never in the present pass, not even with zero. Calls with the same deadline
 * come in the order in which they were asked for.
 */
int reactor_call_later(
    reactor_t *reactor, int64_t delay, reactor_callback_t callback, void *userdata, reactor_destroy_t destroy,
    const char *label, reactor_source_t **ret
);

/*
 * Calls after each interval, in phase with the start: however late one call was, the next is a whole number of
 * intervals after the start, and those that went by are left out and counted. With zero, once in each pass. A
 * callback that fails ends it.
 */
int reactor_call_every(
    reactor_t *reactor, int64_t interval, reactor_every_callback_t callback, void *userdata, reactor_destroy_t destroy,
    const char *label, reactor_source_t **ret
);

/*
 * Calls once, on the reactor's thread, in its next pass. Any thread that has a reference to the reactor, and any
 * number of calls: each is kept, and those of one thread are called in its order. When the reactor goes away first,
 * `destroy` is called and the callback is not.
 */
int reactor_call_from_thread(
    reactor_t *reactor, reactor_callback_t callback, void *userdata, reactor_destroy_t destroy, const char *label
);

/* ---- Descriptors and signals ---- */

/*
 * Calls in each pass in which the descriptor is ready for something of `interest`: REACTOR_READ, REACTOR_WRITE,
 * both, or 0 for nothing yet. Any number of sources may share a descriptor. It stays the caller's: the reactor never
 * closes it.
 *
 * A callback that fails cancels its source, unless REACTOR_KEEP is added to `interest`: the descriptor would be
 * ready, and the callback fail, for ever. A source whose descriptor is closed before it is cancelled, or that the system
 * refuses, is told once with REACTOR_ERROR, and is over: with the backends select and poll in the next pass, with epoll
 * and kqueue, whose kernels forget it without a word, when another source of the number is changed or cancelled, or the
 * number is watched again: inside of that call, or in the pass after it. A source that is given another interest, or
 * resumed, is not told itself: that call returns -EBADF, and it is over. Regular files are always ready. -EBADF.
 */
int reactor_add_io(
    reactor_t *reactor, int fd, unsigned interest, reactor_io_callback_t callback, void *userdata,
    reactor_destroy_t destroy, const char *label, reactor_source_t **ret
);

/*
 * Calls in the pass after the signal came, once for several that came since. Any number of sources may share a
 * signal. While one does, what the process did with the signal before is replaced; afterwards it comes back. -EINVAL
 * for a number that is no signal, that cannot be caught or that tells of a fault (SIGSEGV), -EBUSY for one that another
 * reactor watches.
 */
int reactor_add_signal(
    reactor_t *reactor, int signal, reactor_signal_callback_t callback, void *userdata, reactor_destroy_t destroy,
    const char *label, reactor_source_t **ret
);

/* ---- Sources ---- */

/* One more reference. */
int reactor_source_ref(reactor_source_t *source);

/* One reference less; what is registered stays registered. -EINVAL where the caller has none. */
int reactor_source_unref(reactor_source_t *source);

/* Takes it back: it is not called again, not even where that is due in this pass. -ENOENT where it is over. */
int reactor_source_cancel(reactor_source_t *source);

/*
 * The deadline of a call is that long from now; a repeated call has this interval, counted from now. -ENOENT where
 * it is over, as a single call is from the moment at which it is called. -EINVAL for other kinds.
 */
int reactor_source_reset(reactor_source_t *source, int64_t delay);

/* The deadline of a call is that much later than it was. As reactor_source_reset, but single calls only. */
int reactor_source_delay(reactor_source_t *source, int64_t duration);

/* The deadline of a single call. As reactor_source_delay. */
int reactor_source_deadline(reactor_source_t *source, int64_t *ret);

/*
 * Watches for something else from now on; a source that is paused stays so. -ENOENT where the source is over; -EBADF
 * where the descriptor was closed, and then the source is over. -EINVAL for other kinds than REACTOR_IO.
 */
int reactor_source_set_interest(reactor_source_t *source, unsigned interest);

/* Ceases to watch a descriptor until reactor_source_resume. Twice is as good as once. -ENOENT, -EINVAL as above. */
int reactor_source_pause(reactor_source_t *source);

/* Watches again. Errors as reactor_source_set_interest. */
int reactor_source_resume(reactor_source_t *source);

/* 1 while it is registered, also while it is paused; 0 once it is over: called, failed, cancelled, its reactor gone. */
int reactor_source_is_active(reactor_source_t *source);

/* Its reactor, without a reference of its own. -ENOENT where that is gone. */
int reactor_source_reactor(reactor_source_t *source, reactor_t **ret);

/* One of enum reactor_kind. */
int reactor_source_kind(reactor_source_t *source);

/* Its descriptor, or its signal. -EINVAL for other kinds. */
int reactor_source_number(reactor_source_t *source);

/* Its interest. -ENOENT where it is over, -EINVAL for other kinds than REACTOR_IO. */
int reactor_source_interest(reactor_source_t *source);

/* Its label, in memory of the source's, or NULL. */
int reactor_source_label(reactor_source_t *source, const char **ret);

/* Its userdata. -ENOENT where that was destroyed. */
int reactor_source_userdata(reactor_source_t *source, void **ret);

/*
 * The sources that are registered, in the order of registration: writes up to `capacity` of them, and returns how
 * many there are. The pointers have no references of their own, and are good until a source is over. `ret` may be
 * NULL where `capacity` is 0. Calls from threads are not among them.
 */
int reactor_sources(reactor_t *reactor, reactor_source_t **ret, size_t capacity);

/* ---- Failures ---- */

/*
 * Gives the failure of the callback that is under way a text; to be called before that returns a negative number,
 * which as a rule is a negative errno:
 *
 *     reactor_fail(reactor, "no server at localhost");
 *     return -ECONNREFUSED;
 *
 * By default that is reported on standard error, in one line:
 *
 *     Unhandled error in a delayed call "fetch poem" (after 1.0 s): Connection refused (-111): no server at localhost
 *
 * The text is copied; that of a callback which does not fail is dropped. -ENOENT outside of callbacks.
 */
int reactor_fail(reactor_t *reactor, const char *text);

/* A callback that failed. Later versions may add members at the end. The strings are good until the handler returns. */
struct reactor_failure {
    enum reactor_kind kind;
    int number;         /* the descriptor or the signal; -1 for calls */
    int code;           /* what the callback returned */
    int cancelled;      /* 1 where that has cancelled the source, else 0 */
    const char *label;  /* the source's; NULL without one */
    const char *text;   /* of reactor_fail; NULL without */
    const char *report; /* what the default report would be */
    int64_t when;       /* when it failed, by the machine's monotonic clock */
};

typedef int (*reactor_failure_handler_t)(
    reactor_t *reactor, const struct reactor_failure *failure, void *userdata
);

/*
 * Gets each failure of a callback, in place of the report on standard error; NULL brings that back. A handler that
 * fails itself, or a callback that fails inside of a handler, is reported on standard error.
 */
int reactor_set_failure_handler(
    reactor_t *reactor, reactor_failure_handler_t handler, void *userdata, reactor_destroy_t destroy
);

/* ---- A look inside ---- */

/*
 * Reports each callback that holds the loop for longer, on standard error: a line with its label, how long it took, and
 * how late it has made the next call. 0, as at first, reports none; -EINVAL where it is negative. REACTOR_SLOW=50ms in
 * the environment does it for every reactor.
 */
int reactor_set_slow_threshold(reactor_t *reactor, int64_t threshold);

/*
 * Has a thread report each callback that is still running after so long, with the functions in which the reactor's thread
 * is at that moment: it is asked with SIGURG. 0 and -EINVAL as above; REACTOR_STUCK=1s in the environment.
 */
int reactor_set_stuck_limit(reactor_t *reactor, int64_t limit);

/*
 * A table of the timers and watchers that are registered, a line each: what keeps the loop alive. A new string, to be
 * released with free(). For the shared reactor, REACTOR_SNAPSHOT=1 in the environment prints it on SIGUSR1.
 */
int reactor_snapshot(reactor_t *reactor, char **ret);

/*
 * Records waits and callbacks into a file in Chrome's trace format, which is begun anew, even where it is the one that is
 * recorded into already; the one before is completed first. NULL ends it, and so does the reactor's end. A million
 * entries at most. The negative errno of open(2) where the file cannot be written, and then nothing has changed: the one
 * before goes on.
 */
int reactor_set_timeline(reactor_t *reactor, const char *path);

/* What a reactor has done. Lengths of time in nanoseconds. */
struct reactor_figures {
    uint64_t passes;    /* rounds of waiting and calling back */
    uint64_t callbacks; /* that were called */
    uint64_t failures;  /* of them */
    int64_t asleep;     /* waiting */
    int64_t awake;      /* between two waits */
    int64_t lag_p50;    /* how late calls were: half of them less than this */
    int64_t lag_p99;    /* 99 of 100 less than this */
    int64_t lag_max;
};

/* Counts from the first time on that this is asked, which gives zeros. */
int reactor_figures(reactor_t *reactor, struct reactor_figures *ret);

/* ---- Hosts ---- */

/*
 * A descriptor by which another loop (GLib's, Qt's, a game's) drives this one, on the reactor's thread and instead of
 * reactor_run: it is readable whenever there is something to do, be it that something was added or changed outside of a
 * pass, and reactor_dispatch makes it unreadable. For poll(2) and its kin; nothing else may be done with it. The same for
 * the reactor's life; a forked child calls reactor_dispatch first. A callback may run the host's loop itself; the source
 * that this is the callback of does not watch until the pass that has called it is over. (GLib dispatches a source in its
 * own callback only after g_source_set_can_recurse.) -ENOTSUP with another backend than epoll; -EMFILE.
 */
int reactor_poll_fd(reactor_t *reactor);

/* One pass, which does not wait: calls what is due and ready, and returns how many callbacks were called. */
int reactor_dispatch(reactor_t *reactor);

/* When the next call is due, INT64_MAX for never: for hosts that wait with a timeout. Not those of descriptors. */
int reactor_next_deadline(reactor_t *reactor, int64_t *ret);

#ifdef __cplusplus
}
#endif

#endif
