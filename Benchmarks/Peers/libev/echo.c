#include "../echo.h"

#include "libev.h"

static ev_io *servers;
static ev_io *watchers;
static struct client *clients;
static long accepted;

static void on_server_readable(struct ev_loop *l, ev_io *watcher, int events) {
    (void)l, (void)events;
    echo(watcher->fd);
}

static void on_client_readable(struct ev_loop *l, ev_io *watcher, int events) {
    (void)events;
    if (echo_arrived(watcher->data)) ev_break(l, EVBREAK_ALL);
}

static void on_connection(struct ev_loop *l, ev_io *listener, int events) {
    (void)events;
    ev_io *server = &servers[accepted++];
    ev_io_init(server, on_server_readable, round_accepted(listener->fd), EV_READ);
    ev_io_start(l, server);
}

static void exchange(struct round *round) {
    for (long i = 0; i < round->size; i++) send_message(&clients[i]);
    ev_run(loop, 0);
}

void ping_pong(struct round *round) {
    in_port_t port;
    ev_io listener;
    ev_io_init(&listener, on_connection, round_open_listener(&port), EV_READ);
    ev_io_start(loop, &listener);
    servers = malloc((size_t)round->size * sizeof *servers);
    watchers = malloc((size_t)round->size * sizeof *watchers);
    clients = malloc((size_t)round->size * sizeof *clients);
    for (long i = 0; i < round->size; i++) {
        clients[i].descriptor = round_connected(port);
        ev_io_init(&watchers[i], on_client_readable, clients[i].descriptor, EV_READ);
        watchers[i].data = &clients[i];
        ev_io_start(loop, &watchers[i]);
        ev_run(loop, EVRUN_ONCE);
    }
    await_echoes(round);
    round_expect_latencies(round, round->operations);
    stopwatch(round, exchange);
}
