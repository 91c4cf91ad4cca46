#include "libev.h"

_Thread_local struct ev_loop *loop;

static const struct benchmark benchmarks[] = {
    {"million_timers", million_timers},
    {"timer_precision", timer_precision},
    {"timer_churn", timer_churn},
    {"timer_churn_exact", timer_churn_exact},
    {"timer_again", timer_again},
    {"timer_repeat", timer_repeat},
    {"footprint_timers", footprint_timers},
    {"ring", ring},
    {"ring_sockets", ring_sockets},
    {"ring_eventfds", ring_eventfds},
    {"rearm", rearm},
    {"many_reactors", many_reactors},
    {"loop_count", loop_count},
    {"idle", idle},
    {"footprint_watchers", footprint_watchers},
    {"async_pummel", async_pummel},
    {"wakeup", wakeup},
    {"ping_pong", ping_pong},
    {"spawn", spawn},
    {"start", start},
    {NULL, NULL},
};

int main(int argc, char **argv) {
    char version[32];
    snprintf(version, sizeof version, "%d.%d", ev_version_major(), ev_version_minor());
    // Only the default loop has child watchers.
    loop = ev_default_loop(EVFLAG_NOENV);
    return round_main("libev", version, argc, argv, benchmarks);
}
