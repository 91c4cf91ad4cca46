// TCP on loopback and children, for those peers whose library leaves them to the program.
#ifndef SOCKETS_H
#define SOCKETS_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>

static inline struct sockaddr_in round_loopback(in_port_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
    };
}

static inline int round_open_listener(in_port_t *port) {
    struct sockaddr_in address = round_loopback(0);
    socklen_t length = sizeof address;
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(descriptor, (struct sockaddr *)&address, length) != 0 || listen(descriptor, 1024) != 0) abort();
    getsockname(descriptor, (struct sockaddr *)&address, &length);
    *port = address.sin_port;
    return descriptor;
}

static inline int round_prepared(int descriptor) {
    int yes = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
    return descriptor;
}

static inline int round_connected(in_port_t port) {
    struct sockaddr_in address = round_loopback(port);
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0) abort();
    return round_prepared(descriptor);
}

static inline int round_accepted(int listener) {
    return round_prepared(accept(listener, NULL, NULL));
}

// Starts a child that ends at once, and returns its number.
static inline pid_t round_spawn(void) {
    static char program[] = "/bin/true";
    char *arguments[] = {program, NULL}, *environment[] = {NULL};
    pid_t child;
    if (posix_spawn(&child, program, NULL, NULL, arguments, environment) != 0) abort();
    return child;
}

#endif
