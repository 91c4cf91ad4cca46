// Children that end at once, for libraries that have no function to start one.
#ifndef CHILDREN_H
#define CHILDREN_H

#include <sys/wait.h>

#include "../Round/Sources/CRound/round.h"
#include "../Round/Sources/CRound/sockets.h"

static long unstarted;
static long running;

// Starts another one, if there are any left, and returns its number.
static inline pid_t start_child(void) {
    if (unstarted == 0) return 0;
    unstarted--;
    running++;
    return round_spawn();
}

#endif
