// Echo on loopback, for libraries that only tell when a socket is ready: what connections do with it.
#ifndef ECHO_H
#define ECHO_H

#include "../Round/Sources/CRound/round.h"
#include "../Round/Sources/CRound/sockets.h"

// A client's connection, and when it sent what it now waits for.
struct client {
    int descriptor;
    int64_t sent;
};

static struct round *measured;
static long unsent;
static long awaited;

// What a server does when it can read: messages are small enough to be written at once.
static inline void echo(int descriptor) {
    char message[4096];
    ssize_t count = read(descriptor, message, sizeof message);
    if (count > 0 && write(descriptor, message, (size_t)count) != count) abort();
}

static inline void send_message(struct client *client) {
    static const char message[round_message_size];
    if (unsent == 0) return;
    unsent--;
    client->sent = (int64_t)round_clock(CLOCK_MONOTONIC);
    if (write(client->descriptor, message, sizeof message) != sizeof message) abort();
}

// Whether this was the last echo that is waited for.
static inline int echo_arrived(struct client *client) {
    char message[4096];
    if (read(client->descriptor, message, sizeof message) != round_message_size) abort();
    round_record(measured, (int64_t)round_clock(CLOCK_MONOTONIC) - client->sent);
    send_message(client);
    return --awaited == 0;
}

static inline void await_echoes(struct round *round) {
    measured = round;
    unsent = awaited = round->operations;
}

#endif
