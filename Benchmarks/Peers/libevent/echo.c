#include <netinet/tcp.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <arpa/inet.h>

#include "libevent.h"

static const char message[round_message_size];
static struct round *measured;
static long unsent;
static long awaited;
static long accepted;
static long connected;

// A client's connection, and when it sent what it now waits for.
struct client {
    struct bufferevent *connection;
    int64_t sent;
};

static void echo(struct bufferevent *connection, void *context) {
    (void)context;
    bufferevent_write_buffer(connection, bufferevent_get_input(connection));
}

static void without_delay(evutil_socket_t descriptor) {
    int yes = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

static void on_connection(
    struct evconnlistener *listener, evutil_socket_t descriptor, struct sockaddr *address, int length, void *context
) {
    (void)listener, (void)address, (void)length, (void)context;
    struct bufferevent *connection = bufferevent_socket_new(base, descriptor, BEV_OPT_CLOSE_ON_FREE);
    without_delay(descriptor);
    accepted++;
    bufferevent_setcb(connection, echo, NULL, NULL, NULL);
    bufferevent_enable(connection, EV_READ | EV_WRITE);
}

static void send_message(struct client *client) {
    if (unsent == 0) return;
    unsent--;
    client->sent = (int64_t)round_clock(CLOCK_MONOTONIC);
    bufferevent_write(client->connection, message, sizeof message);
}

static void on_echo(struct bufferevent *connection, void *context) {
    struct client *client = context;
    struct evbuffer *input = bufferevent_get_input(connection);
    if (evbuffer_get_length(input) < round_message_size) return;
    evbuffer_drain(input, round_message_size);
    round_record(measured, (int64_t)round_clock(CLOCK_MONOTONIC) - client->sent);
    send_message(client);
    if (--awaited == 0) event_base_loopbreak(base);
}

static void on_event(struct bufferevent *connection, short events, void *context) {
    (void)connection, (void)context;
    if (!(events & BEV_EVENT_CONNECTED)) abort();
    connected++;
}

static void exchange(struct round *round) {
    struct client *clients = (struct client *)round->context;
    for (long i = 0; i < round->size; i++) send_message(&clients[i]);
    event_base_dispatch(base);
}

void ping_pong(struct round *round) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct client *clients = malloc((size_t)round->size * sizeof *clients);
    struct evconnlistener *listener = evconnlistener_new_bind(
        base, on_connection, NULL, LEV_OPT_CLOSE_ON_FREE, 1024, (struct sockaddr *)&address, sizeof address
    );
    if (listener == NULL) abort();
    getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &length);
    for (long i = 0; i < round->size; i++) {
        clients[i].connection = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
        bufferevent_setcb(clients[i].connection, on_echo, NULL, on_event, &clients[i]);
        bufferevent_enable(clients[i].connection, EV_READ | EV_WRITE);
        bufferevent_socket_connect(clients[i].connection, (struct sockaddr *)&address, sizeof address);
        without_delay(bufferevent_getfd(clients[i].connection));
    }
    while (connected < round->size || accepted < round->size) event_base_loop(base, EVLOOP_ONCE);
    measured = round;
    unsent = awaited = round->operations;
    round->context = clients;
    round_expect_latencies(round, round->operations);
    stopwatch(round, exchange);
}
