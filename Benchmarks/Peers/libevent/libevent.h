// The benchmarks on libevent, as its documentation recommends where speed counts: the events in the program's own
// memory, by event_assign.
#include <event2/event.h>
#include <event2/event_struct.h>

#include "../../Round/Sources/CRound/round.h"

// Each thread's own.
extern _Thread_local struct event_base *base;

void million_timers(struct round *), timer_precision(struct round *), timer_churn(struct round *);
void timer_again(struct round *), timer_repeat(struct round *), footprint_timers(struct round *);
void ring(struct round *), ring_sockets(struct round *), ring_eventfds(struct round *), rearm(struct round *);
void many_reactors(struct round *);
void loop_count(struct round *), idle(struct round *), footprint_watchers(struct round *);
void async_pummel(struct round *), wakeup(struct round *), ping_pong(struct round *), spawn(struct round *);
void start(struct round *);
