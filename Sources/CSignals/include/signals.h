// Signals for an event loop: a handler that writes to a descriptor, and what was there before.
//
// In C, because a signal handler may neither allocate nor take a lock, and Swift promises neither of its code.
#ifndef CSIGNALS_SIGNALS_H
#define CSIGNALS_SIGNALS_H

#include <stdbool.h>

// From now on `signum` wakes whoever waits for `descriptor`: 8 bytes are written to it, which must not block. It is
// unblocked in the calling thread. Returns 0, or errno. Once for a signal until it is unwatched.
int csignals_watch(int signum, int descriptor);

// Puts back the handler that was there, unless somebody has set another meanwhile, and on the same thread its mask. The
// descriptor is not written to any more when this returns.
void csignals_unwatch(int signum);

// Whether the signal came, to this process and not to the one that it was forked from, since this was last asked.
bool csignals_take(int signum);

// Whether the process ignores the signal.
bool csignals_is_ignored(int signum);

#endif
