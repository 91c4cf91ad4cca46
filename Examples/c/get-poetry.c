/*
 * Fetches poems from several servers at once, on one thread, and prints them in the order asked.
 *
 *     get-poetry HOST:PORT...
 */

#define _POSIX_C_SOURCE 200112L

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <reactor.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const int64_t patience = 10 * REACTOR_SECOND;

struct poem {
    const char *server;
    int number;
    int socket;
    int is_complete;
    char *text;
    size_t length;
    reactor_source_t *watcher;
    reactor_source_t *silence;
};

static int unfinished;

/* Ends one task, and the program with the last. `problem` is NULL where all of the poem has come. */
static int finish(reactor_t *reactor, struct poem *poem, const char *problem) {
    poem->is_complete = !problem;
    if (problem)
        fprintf(stderr, "Task %d failed: %s: %s\n", poem->number, poem->server, problem);
    else
        fprintf(stderr, "Task %d finished: %zu bytes\n", poem->number, poem->length);
    reactor_source_cancel(poem->watcher);
    reactor_source_unref(poem->watcher);
    reactor_source_cancel(poem->silence);
    reactor_source_unref(poem->silence);
    if (poem->socket >= 0) close(poem->socket);
    unfinished -= 1;
    return unfinished == 0 ? reactor_stop(reactor) : 0;
}

static int silent(reactor_t *reactor, void *userdata) {
    return finish(reactor, userdata, "nothing came for 10 seconds");
}

static int ready(reactor_source_t *source, int socket, unsigned events, void *userdata) {
    struct poem *poem = userdata;
    reactor_t *reactor;
    char bytes[4096];
    int error = 0;
    socklen_t size = sizeof error;
    ssize_t count;

    reactor_source_reactor(source, &reactor);
    reactor_source_reset(poem->silence, patience);
    if (events & REACTOR_WRITE) { /* connected, or not */
        getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) return finish(reactor, poem, strerror(error));
        return reactor_source_set_interest(source, REACTOR_READ);
    }
    count = read(socket, bytes, sizeof bytes);
    if (count < 0 && errno == EAGAIN) return 0;
    if (count < 0) return finish(reactor, poem, strerror(errno));
    if (count == 0) return finish(reactor, poem, NULL);
    fprintf(stderr, "Task %d: got %zd bytes of poetry from %s\n", poem->number, count, poem->server);
    poem->text = realloc(poem->text, poem->length + (size_t)count);
    if (!poem->text) abort();
    memcpy(poem->text + poem->length, bytes, (size_t)count);
    poem->length += (size_t)count;
    return 0;
}

/* A socket on its way to `server`, or -1 and the problem. */
static int connect_to(const char *server, const char **problem) {
    struct addrinfo hints = {0}, *address;
    char host[256] = "";
    const char *colon = strrchr(server, ':');
    int result, fd;

    *problem = "expected HOST:PORT";
    if (!colon || (size_t)(colon - server) >= sizeof host) return -1;
    memcpy(host, server, (size_t)(colon - server));
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    result = getaddrinfo(host, colon + 1, &hints, &address);
    if (result != 0) {
        *problem = gai_strerror(result);
        return -1;
    }
    fd = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    if (fd >= 0) {
        fcntl(fd, F_SETFL, O_NONBLOCK);
        result = connect(fd, address->ai_addr, address->ai_addrlen);
    }
    if (fd < 0 || (result < 0 && errno != EINPROGRESS)) {
        *problem = strerror(errno);
        if (fd >= 0) close(fd);
        fd = -1;
    }
    freeaddrinfo(address);
    return fd;
}

static int begin(reactor_t *reactor, void *userdata) {
    struct poem *poem = userdata;
    const char *problem;

    poem->socket = connect_to(poem->server, &problem);
    if (poem->socket < 0) return finish(reactor, poem, problem);
    reactor_call_later(reactor, patience, silent, poem, NULL, poem->server, &poem->silence);
    return reactor_add_io(reactor, poem->socket, REACTOR_WRITE, ready, poem, NULL, poem->server, &poem->watcher);
}

int main(int argc, char **argv) {
    reactor_t *reactor;
    struct poem *poems = calloc((size_t)argc, sizeof *poems);
    int complete = 0;

    if (argc < 2 || !poems) {
        fprintf(stderr, "Usage: get-poetry HOST:PORT...\n");
        free(poems);
        return 64;
    }
    if (reactor_shared(&reactor) < 0) return 1;
    unfinished = argc - 1;
    for (int i = 1; i < argc; i += 1) {
        poems[i].server = argv[i];
        poems[i].number = i;
        reactor_call_when_running(reactor, begin, &poems[i], NULL, argv[i], NULL);
    }
    reactor_run(reactor);
    reactor_unref(reactor);

    for (int i = 1; i < argc; i += 1) {
        if (poems[i].is_complete) fwrite(poems[i].text, 1, poems[i].length, stdout);
        complete += poems[i].is_complete;
        free(poems[i].text);
    }
    free(poems);
    fprintf(stderr, "Got %d of %d poems.\n", complete, argc - 1);
    return complete == argc - 1 ? 0 : 1;
}
