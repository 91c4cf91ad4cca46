// The benchmarks on raw libev, as its manual recommends: the watchers in the program's own memory, the callback's
// context in `data`.
#include <ev.h>

#include "../../Round/Sources/CRound/round.h"

// Each thread's own.
extern _Thread_local struct ev_loop *loop;

void million_timers(struct round *), timer_precision(struct round *), timer_churn(struct round *);
void timer_churn_exact(struct round *), timer_again(struct round *), timer_repeat(struct round *);
void footprint_timers(struct round *);
void ring(struct round *), ring_sockets(struct round *), ring_eventfds(struct round *), rearm(struct round *);
void many_reactors(struct round *);
void loop_count(struct round *), idle(struct round *), footprint_watchers(struct round *);
void async_pummel(struct round *), wakeup(struct round *), ping_pong(struct round *), spawn(struct round *);
void start(struct round *);
