// The benchmarks on Dispatch, as its documentation recommends: sources whose handlers run on one serial queue.
import Dispatch
import Round

let round = Round(peer: "dispatch", version: "of this Swift toolchain")
let queue = DispatchQueue(label: "loop")
switch round.benchmark {
case "million_timers": millionTimers(round)
case "timer_precision": timerPrecision(round)
case "timer_churn": timerChurn(round)
case "timer_again": timerAgain(round)
case "timer_repeat": timerRepeat(round)
case "footprint_timers": try footprintOfTimers(round)
case "ring": ring(round, of: round_pipes)
case "ring_sockets": ring(round, of: round_sockets)
case "ring_eventfds": ring(round, of: round_eventfds)
case "rearm": rearm(round)
case "many_reactors": try manyReactors(round)
case "loop_count": loopCount(round)
case "idle": idle(round)
case "footprint_watchers": try footprintOfWatchers(round)
case "async_pummel": asyncPummel(round)
case "wakeup": wakeup(round)
case "ping_pong": pingPong(round)
case "start": start(round)
default: round.fail("no such benchmark:", round.benchmark)
}
round.printResult()
