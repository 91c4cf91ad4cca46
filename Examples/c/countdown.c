/* Counts down, a second apart: each call asks for the next one. */

#include <reactor.h>
#include <stdio.h>

static int count(reactor_t *reactor, void *userdata) {
    int *counter = (int *)userdata;
    if (*counter == 0) return reactor_stop(reactor);
    printf("%d ...\n", *counter);
    *counter -= 1;
    return reactor_call_later(reactor, REACTOR_SECOND, count, counter, NULL, "countdown", NULL);
}

int main(void) {
    reactor_t *reactor;
    int counter = 5;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (reactor_shared(&reactor) < 0) return 1;
    reactor_call_when_running(reactor, count, &counter, NULL, "countdown", NULL);
    puts("Start!");
    reactor_run(reactor);
    puts("Stop!");
    return reactor_unref(reactor);
}
