// The benchmarks on this library, as its own documentation recommends. Those in virtual time do exactly the same in each
// run, and are for counting.
import Reactor
import Round

let round = Round(peer: "reactor", version: "this checkout")
switch round.benchmark {
case "million_timers": try millionTimers(round)
case "timers_in_virtual_time": try timersInVirtualTime(round)
case "timer_precision": try timerPrecision(round)
case "timer_churn", "timer_churn_exact": try timerChurn(round, on: .shared)
case "timer_churn_in_virtual_time": try timerChurn(round, on: Reactor(clock: VirtualClock()))
case "timer_again": try timerAgain(round, on: .shared)
case "timer_again_in_virtual_time": try timerAgain(round, on: Reactor(clock: VirtualClock()))
case "timer_repeat": try timerRepeat(round)
case "footprint_timers": try footprintOfTimers(round)
case "ring": try ring(round, of: round_pipes)
case "ring_sockets": try ring(round, of: round_sockets)
case "ring_eventfds": try ring(round, of: round_eventfds)
case "rearm": try rearm(round)
case "many_reactors": try manyReactors(round)
case "loop_count": try loopCount(round)
case "idle": try idle(round)
case "footprint_watchers": try footprintOfWatchers(round)
case "async_pummel": try asyncPummel(round)
case "wakeup": try wakeup(round)
case "ping_pong": try pingPong(round)
case "spawn": try spawn(round)
case "failures": try failures(round, on: .shared)
case "failures_in_virtual_time": try failures(round, on: Reactor(clock: VirtualClock()))
case "start": try start(round)
default: round.fail("no such benchmark:", round.benchmark)
}
round.printResult()
