// The benchmarks on this library, as its own documentation recommends.

let round = Round()
switch round.benchmark {
case "timers_add": try timers(round, timesAdding: true)
case "timers_fire": try timers(round, timesAdding: false)
case "timers_spread": try timersSpread(round)
case "timer_churn": try timerChurn(round)
case "timer_again": try timerAgain(round)
case "timer_repeat": try timerRepeat(round)
case "ring": try ring(round)
case "rearm": try rearm(round)
default: round.fail("no such benchmark:", round.benchmark)
}
round.printResult()
