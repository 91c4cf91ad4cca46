import Dispatch
import Round

private func addTimer(_ nanoseconds: Int, _ handler: @escaping @Sendable () -> Void) -> any DispatchSourceTimer {
    let timer = DispatchSource.makeTimerSource(queue: queue)
    timer.schedule(deadline: .now() + .nanoseconds(nanoseconds))
    timer.setEventHandler(handler: handler)
    timer.activate()
    return timer
}

/// Adds all timers and fires all when they are due, and measures the two apart.
///
/// A thread of Dispatch's own takes note of what is due already during the wait, so that is counted as firing.
func millionTimers(_ round: Round) {
    let horizon = round_horizon_ns(round.size)
    let delays = randomDelays(round, below: horizon)
    let adding = round.part("timers_add")
    let firing = round.part("timers_fire")
    let timers = Kept<[any DispatchSourceTimer]>([])
    for _ in 0..<round.batches {
        Task.run { task in
            let countdown = Countdown(round.size) {
                firing.end()
                task.finish()
            }
            timers.value = []
            timers.value.reserveCapacity(round.size)
            adding.begin()
            for delay in delays { timers.value.append(addTimer(delay) { countdown.count() }) }
            adding.end()
            firing.begin()
            round_wait_ns(horizon)
        }
    }
    for part in [adding, firing] { part.operations = round.batches * round.size }
}

/// Timers that fire one by one: the loop sleeps and wakes up between them, and each notes how late it is.
func timerPrecision(_ round: Round) {
    let delays = randomDelays(round, below: round_spread_ns)
    round.operations = round.size
    round.expectLatencies()
    let timers = Kept<[any DispatchSourceTimer]>([])
    Task.run { task in
        let countdown = Countdown(round.size) {
            round.end()
            task.finish()
        }
        round.begin()
        for delay in delays {
            let deadline = monotonicNow() + Int64(delay)
            timers.value.append(
                addTimer(delay) {
                    round.record(monotonicNow() - deadline)
                    countdown.count()
                }
            )
        }
    }
}

private func randomDelays(_ round: Round, below horizon: UInt64) -> [Int] {
    var state: UInt64 = 1
    return (0..<round.size).map { _ in Int(round_random(&state) % horizon) }
}

func farDelays(count: Int) -> [Int] {
    var state: UInt64 = 1
    return (0..<count).map { _ in Int(round_far_delay_ns(&state)) }
}

/// With many timers pending, none of which is ever due, each operation cancels one and adds another.
func timerChurn(_ round: Round) {
    changeTimers(round) { timers, victim, delay in
        timers[victim].cancel()
        timers[victim] = addTimer(delay) {}
    }
}

/// With many timers pending, each operation pushes one back.
func timerAgain(_ round: Round) {
    changeTimers(round) { timers, victim, delay in
        timers[victim].schedule(deadline: .now() + .nanoseconds(delay))
    }
}

private func changeTimers(
    _ round: Round,
    _ change: @escaping @Sendable (inout [any DispatchSourceTimer], Int, Int) -> Void
) {
    let delays = farDelays(count: max(round.operations, round.size))
    var state: UInt64 = 2
    let changes = (0..<round.operations).map { (Int(round_random(&state) % UInt64(round.size)), delays[$0]) }
    let timers = Kept(delays[..<round.size].map { addTimer($0) {} })
    Task.run { task in
        round.begin()
        for (victim, delay) in changes { change(&timers.value, victim, delay) }
        round.end()
        task.finish()
    }
}

/// Calls that come again each millisecond, until so many were made.
func timerRepeat(_ round: Round) {
    let timers = Kept<[any DispatchSourceTimer]>([])
    Task.run { task in
        let countdown = Countdown(round.operations) {
            round.end()
            task.finish()
        }
        round.begin()
        for _ in 0..<round.size {
            let timer = DispatchSource.makeTimerSource(queue: queue)
            timer.schedule(deadline: .now() + .milliseconds(1), repeating: .milliseconds(1))
            timer.setEventHandler { countdown.count() }
            timer.activate()
            timers.value.append(timer)
        }
    }
}

/// How much memory pending timers take. Activation goes on in the queue: so that is waited for.
func footprintOfTimers(_ round: Round) throws {
    var timers: [any DispatchSourceTimer] = []
    let delays = farDelays(count: round.size)
    try round.weighed {
        for delay in delays { timers.append(addTimer(delay) {}) }
        queue.sync {}
    }
    round.operations = timers.count
}

/// From the start of the process to its first callback.
func start(_ round: Round) {
    let timers = Kept<[any DispatchSourceTimer]>([])
    Task.run { task in
        timers.value.append(
            addTimer(0) {
                round.started()
                task.finish()
            }
        )
    }
}
