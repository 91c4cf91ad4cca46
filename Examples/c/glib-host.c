/*
 * GLib's main loop runs the reactor, through one descriptor: both loops' timers, pipes and threads on one thread. Then
 * nobody has anything to do for a while, and the dispatches that this takes are counted.
 */

#define _POSIX_C_SOURCE 200112L

#include <glib-unix.h>
#include <glib.h>
#include <reactor.h>
#include <stdio.h>
#include <unistd.h>

static GMainLoop *main_loop;
static int unfinished = 3; /* the ticks, the pipe and the thread */
static int dispatches, dispatches_before;
static int ends[2];

/* GLib has found that there is something to do. */
static gboolean dispatch(gint fd, GIOCondition condition, gpointer reactor) {
    (void)fd;
    (void)condition;
    dispatches += 1;
    reactor_dispatch(reactor);
    return G_SOURCE_CONTINUE;
}

static gboolean end_idling(gpointer userdata) {
    (void)userdata;
    printf("%d dispatches while idle\n", dispatches - dispatches_before);
    g_main_loop_quit(main_loop);
    return G_SOURCE_REMOVE;
}

static gboolean begin_idling(gpointer userdata) {
    dispatches_before = dispatches;
    g_timeout_add(500, end_idling, userdata);
    return G_SOURCE_REMOVE;
}

static int finished(void) {
    unfinished -= 1;
    if (unfinished == 0) g_timeout_add(250, begin_idling, NULL);
    return 0;
}

/* The reactor's. */

static int tick(reactor_source_t *source, uint64_t count, void *left) {
    (void)count;
    printf("the reactor's tick %d\n", *(int *)left);
    *(int *)left -= 1;
    if (*(int *)left > 0) return 0;
    reactor_source_cancel(source);
    return finished();
}

static int read_pipe(reactor_source_t *source, int fd, unsigned events, void *userdata) {
    char word[16] = "";
    (void)events;
    (void)userdata;
    if (read(fd, word, sizeof word - 1) > 0) printf("the reactor's pipe: %s\n", word);
    reactor_source_cancel(source);
    return finished();
}

static int never(reactor_t *reactor, void *userdata) {
    (void)reactor;
    (void)userdata;
    puts("a cancelled call was made");
    return 0;
}

static int from_thread(reactor_t *reactor, void *userdata) {
    (void)reactor;
    printf("the reactor's call from a thread: %s\n", (const char *)userdata);
    return finished();
}

/* GLib's. */

static gpointer thread(gpointer reactor) {
    reactor_call_from_thread(reactor, from_thread, "hello", NULL, "thread");
    return NULL;
}

static gboolean write_pipe(gpointer userdata) {
    (void)userdata;
    puts("GLib's timeout writes into the pipe");
    if (write(ends[1], "word", 4) != 4) puts("cannot write");
    return G_SOURCE_REMOVE;
}

int main(void) {
    reactor_t *reactor;
    reactor_source_t *cancelled;
    GThread *worker;
    int left = 3, fd;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (pipe(ends) < 0 || reactor_new(NULL, &reactor) < 0) return 1;
    fd = reactor_poll_fd(reactor);
    if (fd < 0) {
        fprintf(stderr, "glib-host: this backend has no descriptor for hosts\n");
        return 1;
    }
    main_loop = g_main_loop_new(NULL, FALSE);
    g_unix_fd_add(fd, G_IO_IN, dispatch, reactor);

    reactor_call_every(reactor, 100 * REACTOR_MILLISECOND, tick, &left, NULL, "tick", NULL);
    reactor_add_io(reactor, ends[0], REACTOR_READ, read_pipe, NULL, NULL, "pipe", NULL);
    reactor_call_later(reactor, 150 * REACTOR_MILLISECOND, never, NULL, NULL, "never", &cancelled);
    reactor_source_cancel(cancelled);
    reactor_source_unref(cancelled);

    g_timeout_add(350, write_pipe, NULL);
    worker = g_thread_new("worker", thread, reactor);
    g_main_loop_run(main_loop);

    g_thread_join(worker);
    g_main_loop_unref(main_loop);
    close(ends[0]);
    close(ends[1]);
    return reactor_unref(reactor);
}
