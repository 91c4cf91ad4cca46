// The benchmarks on SwiftNIO, as its documentation recommends: all that a loop does is done on its thread, futures where
// there is something to wait for.
import NIOPosix
import Round

let round = Round(peer: "nio", version: "2.101")
let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
let loop = group.next()
switch round.benchmark {
case "million_timers": try millionTimers(round)
case "timer_precision": try timerPrecision(round)
case "timer_churn": try timerChurn(round)
case "timer_repeat": try timerRepeat(round)
case "footprint_timers": try footprintOfTimers(round)
case "ring": try ring(round, sockets: false)
case "ring_sockets": try ring(round, sockets: true)
case "rearm": try rearm(round)
case "many_reactors": try manyReactors(round)
case "loop_count": try loopCount(round)
case "idle": try idle(round)
case "footprint_watchers": try footprintOfWatchers(round)
case "async_pummel": try asyncPummel(round)
case "wakeup": try wakeup(round)
case "ping_pong": try pingPong(round)
case "failures": try failures(round)
case "start": try start(round)
default: round.fail("no such benchmark:", round.benchmark)
}
round.printResult()
