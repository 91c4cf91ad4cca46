// libev for Swift. Swift imports neither function-like macros nor anonymous enums as anything
// useful, and libev's interface consists of both: each inline below is one of them by name.
#ifndef CLIBEV_SHIM_H
#define CLIBEV_SHIM_H

#include <errno.h>
#include <ev.h>
#include <stdint.h>

#ifdef __linux__
// What Swift's own module of the C library leaves out.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#endif

// ev_io_init and ev_set_priority: the watcher's memory is the caller's, and must stay where it is
// until the watcher is stopped. The callback gets loop and watcher as numbers, so that what writes
// one needs no pointers: Swift would have it marked as unsafe.
static inline void clibev_io_init(
    ev_io *watcher, void (*callback)(uintptr_t, uintptr_t, int), int fd, int events, int priority
) {
    ev_io_init(watcher, (void (*)(struct ev_loop *, ev_io *, int))callback, fd, events);
    ev_set_priority(watcher, priority);
}

// ev_io_set, for a stopped watcher. Other than ev_io_modify it marks the descriptor as a new one, so that libev tells the
// kernel even where the events are the same.
static inline void clibev_io_set(ev_io *watcher, int fd, int events, int priority) {
    ev_io_set(watcher, fd, events);
    ev_set_priority(watcher, priority);
}

// errno, which Swift does not set, and reads with a call.
static inline int clibev_errno(void) {
    return errno;
}

static inline void clibev_set_errno(int value) {
    errno = value;
}

static inline void clibev_timer_init(
    ev_timer *watcher, void (*callback)(struct ev_loop *, ev_timer *, int), double after
) {
    ev_timer_init(watcher, callback, after, 0.);
}

// The descriptor of an epoll or kqueue backend, which libev keeps to itself: ev_embed_start leaves
// it in the embed watcher. `scratch` is a loop that never runs. Asked for afresh each time, because
// libev replaces the descriptor whenever it rebuilds the kernel's state.
static inline int clibev_backend_fd(struct ev_loop *loop, struct ev_loop *scratch) {
    ev_embed embed;
    ev_embed_init(&embed, 0, loop);
    ev_embed_start(scratch, &embed);
    int fd = embed.io.fd;
    ev_embed_stop(scratch, &embed);
    return fd;
}

#endif
