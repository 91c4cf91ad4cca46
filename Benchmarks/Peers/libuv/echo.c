#include <arpa/inet.h>

#include "libuv.h"

static char message[round_message_size];
static struct round *measured;
static long unsent;
static long awaited;
static uv_tcp_t *servers;
static long accepted;

// A client's connection, and when it sent what it now waits for.
struct client {
    uv_tcp_t connection;
    uv_connect_t request;
    int64_t sent;
};

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    (void)handle, (void)suggested;
    static char memory[4096];
    *buffer = uv_buf_init(memory, sizeof memory);
}

// uv_try_write, for what fits into the socket's buffer.
static void echo(uv_stream_t *connection, ssize_t count, const uv_buf_t *buffer) {
    uv_buf_t received = uv_buf_init(buffer->base, (unsigned)count);
    if (count > 0 && uv_try_write(connection, &received, 1) != count) abort();
}

static void on_connection(uv_stream_t *listener, int status) {
    uv_tcp_t *server = &servers[accepted++];
    if (status != 0) abort();
    uv_tcp_init(loop, server);
    uv_accept(listener, (uv_stream_t *)server);
    uv_tcp_nodelay(server, 1);
    uv_read_start((uv_stream_t *)server, give_buffer, echo);
}

static void send_message(struct client *client) {
    uv_buf_t buffer = uv_buf_init(message, sizeof message);
    if (unsent == 0) return;
    unsent--;
    client->sent = (int64_t)round_clock(CLOCK_MONOTONIC);
    if (uv_try_write((uv_stream_t *)&client->connection, &buffer, 1) != sizeof message) abort();
}

static void on_echo(uv_stream_t *connection, ssize_t count, const uv_buf_t *buffer) {
    (void)buffer;
    struct client *client = connection->data;
    if (count == 0) return;
    if (count != round_message_size) abort();
    round_record(measured, (int64_t)round_clock(CLOCK_MONOTONIC) - client->sent);
    send_message(client);
    if (--awaited == 0) uv_stop(loop);
}

static long connected;

static void on_connected(uv_connect_t *request, int status) {
    if (status != 0) abort();
    connected++;
    uv_read_start(request->handle, give_buffer, on_echo);
}

static void exchange(struct round *round) {
    struct client *clients = (struct client *)round->context;
    for (long i = 0; i < round->size; i++) send_message(&clients[i]);
    uv_run(loop, UV_RUN_DEFAULT);
}

void ping_pong(struct round *round) {
    struct sockaddr_in address;
    int length = sizeof address;
    uv_tcp_t listener;
    servers = malloc((size_t)round->size * sizeof *servers);
    struct client *clients = malloc((size_t)round->size * sizeof *clients);
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(loop, &listener);
    uv_tcp_bind(&listener, (struct sockaddr *)&address, 0);
    if (uv_listen((uv_stream_t *)&listener, 1024, on_connection) != 0) abort();
    uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &length);
    for (long i = 0; i < round->size; i++) {
        uv_tcp_init(loop, &clients[i].connection);
        uv_tcp_nodelay(&clients[i].connection, 1);
        clients[i].connection.data = &clients[i];
        uv_tcp_connect(&clients[i].request, &clients[i].connection, (struct sockaddr *)&address, on_connected);
    }
    while (connected < round->size || accepted < round->size) uv_run(loop, UV_RUN_ONCE);
    measured = round;
    unsent = awaited = round->operations;
    round->context = clients;
    round_expect_latencies(round, round->operations);
    stopwatch(round, exchange);
}
