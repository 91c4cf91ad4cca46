import NIOCore
import NIOPosix
import Round

/// SIZE threads call as fast as they can, until all calls were made.
func asyncPummel(_ round: Round) throws {
    let each = round.operations / round.size
    round.operations = each * round.size
    try callAll(round) { countdown in
        (0..<round.size).map { _ in
            WorkThread {
                for _ in 0..<each { loop.execute { countdown.count() } }
            }
        }
    }
}

/// A thread calls a loop that is asleep, time and again.
func wakeup(_ round: Round) throws {
    round.expectLatencies()
    let count = round.operations
    try callAll(round) { countdown in
        [
            WorkThread {
                for _ in 0..<count {
                    round_wait_ns(round_pause_ns)
                    let sent = monotonicNow()
                    loop.execute {
                        round.record(monotonicNow() - sent)
                        countdown.count()
                    }
                }
            }
        ]
    }
}

/// Measures from the start of the threads to the last call that they ask for.
private func callAll(_ round: Round, startThreads: @escaping (Countdown) -> [WorkThread]) throws {
    var threads: [WorkThread] = []
    try Task.run(on: loop) { task in
        let countdown = Countdown(round.operations) {
            round.end()
            task.finish()
        }
        round.begin()
        threads = startThreads(countdown)
    }
    for thread in threads { thread.join() }
}
