/* A callback that fails is reported on standard error, and the loop goes on. */

#include <errno.h>
#include <reactor.h>
#include <stdio.h>

static int fall_down(reactor_t *reactor, void *userdata) {
    (void)userdata;
    reactor_fail(reactor, "I fall down.");
    return -ECANCELED;
}

static int get_up(reactor_t *reactor, void *userdata) {
    (void)userdata;
    puts("But I get up again.");
    return reactor_stop(reactor);
}

int main(void) {
    reactor_t *reactor;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (reactor_shared(&reactor) < 0) return 1;
    reactor_call_when_running(reactor, fall_down, NULL, NULL, "fall down", NULL);
    reactor_call_when_running(reactor, get_up, NULL, NULL, "get up", NULL);
    puts("Starting the reactor.");
    reactor_run(reactor);
    return reactor_unref(reactor);
}
