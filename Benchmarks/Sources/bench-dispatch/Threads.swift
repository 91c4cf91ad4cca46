import Dispatch
import Round

/// SIZE threads call as fast as they can, until all calls were made.
func asyncPummel(_ round: Round) {
    let each = round.operations / round.size
    round.operations = each * round.size
    callAll(round) { countdown in
        (0..<round.size).map { _ in
            WorkThread {
                for _ in 0..<each { queue.async { countdown.count() } }
            }
        }
    }
}

/// A thread calls a queue that is asleep, time and again.
func wakeup(_ round: Round) {
    round.expectLatencies()
    let count = round.operations
    callAll(round) { countdown in
        [
            WorkThread {
                for _ in 0..<count {
                    round_wait_ns(round_pause_ns)
                    let sent = monotonicNow()
                    queue.async {
                        round.record(monotonicNow() - sent)
                        countdown.count()
                    }
                }
            }
        ]
    }
}

/// Measures from the start of the threads to the last call that they ask for.
private func callAll(_ round: Round, startThreads: @escaping @Sendable (Countdown) -> [WorkThread]) {
    let threads = Kept<[WorkThread]>([])
    Task.run { task in
        let countdown = Countdown(round.operations) {
            round.end()
            task.finish()
        }
        round.begin()
        threads.value = startThreads(countdown)
    }
    for thread in threads.value { thread.join() }
}
