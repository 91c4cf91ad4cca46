import NIOCore
import NIOPosix
import Round

/// Adds all timers and fires all when they are due, and measures the two apart.
func millionTimers(_ round: Round) throws {
    let horizon = round_horizon_ns(round.size)
    let delays = randomDelays(round, below: horizon)
    let adding = round.part("timers_add")
    let firing = round.part("timers_fire")
    for _ in 0..<round.batches {
        try Task.run(on: loop) { task in
            let countdown = Countdown(round.size) {
                firing.end()
                task.finish()
            }
            adding.begin()
            for delay in delays { loop.scheduleTask(in: delay) { countdown.count() } }
            adding.end()
            round_wait_ns(horizon)
            firing.begin()
        }
    }
    for part in [adding, firing] { part.operations = round.batches * round.size }
}

/// Timers that fire one by one: the loop sleeps and wakes up between them, and each notes how late it is.
func timerPrecision(_ round: Round) throws {
    let delays = randomDelays(round, below: round_spread_ns)
    round.operations = round.size
    round.expectLatencies()
    try Task.run(on: loop) { task in
        let countdown = Countdown(round.size) {
            round.end()
            task.finish()
        }
        round.begin()
        for delay in delays {
            let deadline = monotonicNow() + delay.nanoseconds
            loop.scheduleTask(in: delay) {
                round.record(monotonicNow() - deadline)
                countdown.count()
            }
        }
    }
}

private func randomDelays(_ round: Round, below horizon: UInt64) -> [TimeAmount] {
    var state: UInt64 = 1
    return (0..<round.size).map { _ in .nanoseconds(Int64(round_random(&state) % horizon)) }
}

/// With many timers pending, none of which is ever due, each operation cancels one and adds another. There is no other way
/// to push one back.
func timerChurn(_ round: Round) throws {
    let counter = Counter()
    let delays = farDelays(count: max(round.operations, round.size))
    var state: UInt64 = 2
    let changes = (0..<round.operations).map { (Int(round_random(&state) % UInt64(round.size)), delays[$0]) }
    try Task.run(on: loop) { task in
        var pending = delays[..<round.size].map { loop.scheduleTask(in: $0) { counter.called += 1 } }
        round.begin()
        for (victim, delay) in changes {
            pending[victim].cancel()
            pending[victim] = loop.scheduleTask(in: delay) { counter.called += 1 }
        }
        round.end()
        task.finish()
    }
}

func farDelays(count: Int) -> [TimeAmount] {
    var state: UInt64 = 1
    return (0..<count).map { _ in .nanoseconds(Int64(round_far_delay_ns(&state))) }
}

/// Calls that come again each millisecond, until so many were made.
func timerRepeat(_ round: Round) throws {
    try Task.run(on: loop) { task in
        let countdown = Countdown(round.operations) {
            round.end()
            task.finish()
        }
        round.begin()
        for _ in 0..<round.size {
            loop.scheduleRepeatedTask(initialDelay: .milliseconds(1), delay: .milliseconds(1)) { _ in countdown.count()
            }
        }
    }
}

/// How much memory pending timers take.
func footprintOfTimers(_ round: Round) throws {
    let counter = Counter()
    let delays = farDelays(count: round.size)
    try Task.run(on: loop) { task in
        try round.weighed {
            for delay in delays { loop.scheduleTask(in: delay) { counter.called += 1 } }
        }
        task.finish()
    }
    round.operations = round.size
}

/// From the start of the process to its first callback.
func start(_ round: Round) throws {
    try Task.run(on: loop) { task in
        loop.scheduleTask(in: .zero) {
            round.started()
            task.finish()
        }
    }
}

/// Calls that throw, which whoever holds the future hears of.
func failures(_ round: Round) throws {
    try Task.run(on: loop) { task in
        let countdown = Countdown(round.operations) {
            round.end()
            task.finish()
        }
        round.begin()
        for _ in 0..<round.operations {
            loop.scheduleTask(in: .zero) { throw Mishap() }.futureResult.whenFailure { _ in countdown.count() }
        }
    }
}

private struct Mishap: Error {}

/// What the callbacks count.
final class Counter: @unchecked Sendable {
    var called = 0
}
