/*
 * The reactor runs, and GLib's main context is its guest: what GLib waits for is watched here, and dispatched when it is
 * ready. So a library that lives on GLib works in a program that lives on the reactor.
 *
 * Before each sleep GLib has to be asked what it waits for, since that changes with every dispatch.
 */

#include <glib.h>
#include <poll.h>
#include <reactor.h>
#include <stdio.h>
#include <stdlib.h>

struct guest {
    reactor_t *reactor;
    GMainContext *context;
    gint priority;
    GPollFD *wanted;
    int count;
    reactor_source_t **watchers;
    reactor_source_t *timer;
};

static void prepare(struct guest *guest);

static void forget(reactor_source_t **source) {
    reactor_source_cancel(*source);
    reactor_source_unref(*source);
    *source = NULL;
}

/* Something that GLib waits for has come: has it called back, and asks again. */
static void serve(struct guest *guest) {
    for (int i = 0; i < guest->count; i += 1) forget(&guest->watchers[i]);
    forget(&guest->timer);
    g_poll(guest->wanted, (guint)guest->count, 0);
    if (g_main_context_check(guest->context, guest->priority, guest->wanted, guest->count))
        g_main_context_dispatch(guest->context);
    prepare(guest);
}

static int on_time(reactor_t *reactor, void *guest) {
    (void)reactor;
    serve(guest);
    return 0;
}

static int on_ready(reactor_source_t *source, int fd, unsigned events, void *guest) {
    (void)source;
    (void)fd;
    (void)events;
    serve(guest);
    return 0;
}

/* Has the reactor wait for what GLib waits for. */
static void prepare(struct guest *guest) {
    int timeout, needed;

    g_main_context_prepare(guest->context, &guest->priority);
    while ((needed = g_main_context_query(
                guest->context, guest->priority, &timeout, guest->wanted, guest->count)) > guest->count) {
        guest->wanted = g_renew(GPollFD, guest->wanted, needed);
        guest->watchers = g_renew(reactor_source_t *, guest->watchers, needed);
        guest->count = needed;
    }
    guest->count = needed;
    for (int i = 0; i < guest->count; i += 1) {
        unsigned interest = 0;
        if (guest->wanted[i].events & (G_IO_IN | G_IO_PRI)) interest |= REACTOR_READ;
        if (guest->wanted[i].events & G_IO_OUT) interest |= REACTOR_WRITE;
        reactor_add_io(
            guest->reactor, guest->wanted[i].fd, interest, on_ready, guest, NULL, "GLib", &guest->watchers[i]
        );
    }
    if (timeout >= 0)
        reactor_call_later(
            guest->reactor, timeout * REACTOR_MILLISECOND, on_time, guest, NULL, "GLib", &guest->timer
        );
}

/* What both of them do here. */

static gboolean guests_tick(gpointer left) {
    printf("GLib's tick %d\n", *(int *)left);
    *(int *)left -= 1;
    return *(int *)left > 0;
}

static int hosts_tick(reactor_source_t *source, uint64_t count, void *left) {
    reactor_t *reactor;
    (void)count;
    printf("the reactor's tick %d\n", *(int *)left);
    *(int *)left -= 1;
    reactor_source_reactor(source, &reactor);
    return *(int *)left == 0 ? reactor_stop(reactor) : 0;
}

static gboolean idle(gpointer userdata) {
    (void)userdata;
    puts("GLib's idle call");
    return G_SOURCE_REMOVE;
}

static gpointer thread(gpointer context) {
    g_main_context_invoke(context, idle, NULL);
    return NULL;
}

int main(void) {
    struct guest guest = {0};
    int guests_left = 3, hosts_left = 3;
    GThread *worker;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (reactor_new(NULL, &guest.reactor) < 0) return 1;
    guest.context = g_main_context_default();
    g_main_context_acquire(guest.context);
    g_timeout_add(100, guests_tick, &guests_left);
    reactor_call_every(guest.reactor, 150 * REACTOR_MILLISECOND, hosts_tick, &hosts_left, NULL, "tick", NULL);
    prepare(&guest);
    worker = g_thread_new("worker", thread, guest.context);
    reactor_run(guest.reactor);

    g_thread_join(worker);
    for (int i = 0; i < guest.count; i += 1) forget(&guest.watchers[i]);
    forget(&guest.timer);
    g_free(guest.wanted);
    g_free(guest.watchers);
    g_main_context_release(guest.context);
    return reactor_unref(guest.reactor);
}
