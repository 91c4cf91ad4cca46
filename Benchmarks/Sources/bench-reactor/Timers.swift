import CRound
import Reactor

/// Adds all timers and fires all when they are due; one of the two is measured. After the last measured adding nothing
/// needs to be fired.
func timers(_ round: Round, timesAdding: Bool) throws {
    let reactor = Reactor.shared
    let batch = Batch(reactor, size: round.size)
    let horizon = round_horizon_ns(round.size)
    let delays = randomDelays(round, below: horizon)

    func add() {
        for delay in delays { reactor.callLater(delay, batch.timerFired) }
    }
    // As in the other peers, nobody asks for SIGINT and SIGTERM to be watched.
    func fire() throws { try reactor.run(installSignalHandlers: false) }

    for number in 1...round.batches {
        try (timesAdding ? round.timed : round.untimed)(add)
        if timesAdding, number == round.batches { break }
        round_wait_ns(horizon)
        try (timesAdding ? round.untimed : round.timed)(fire)
    }
    round.operations = round.batches * round.size
}

/// Timers that fire one by one: the loop sleeps and wakes up between them.
func timersSpread(_ round: Round) throws {
    let reactor = Reactor.shared
    let batch = Batch(reactor, size: round.size)
    let delays = randomDelays(round, below: round_spread_ns)
    try round.timed {
        for delay in delays { reactor.callLater(delay, batch.timerFired) }
        try reactor.run(installSignalHandlers: false)
    }
    round.operations = round.size
}

private func randomDelays(_ round: Round, below horizon: UInt64) -> [Duration] {
    var state: UInt64 = 1
    return (0..<round.size).map { _ in .nanoseconds(round_random(&state) % horizon) }
}

/// Counts the timers that fire, and ends the run with the last of a batch.
private final class Batch {
    private var pending: Int
    private let size: Int
    private let reactor: Reactor

    init(_ reactor: Reactor, size: Int) {
        self.reactor = reactor
        self.size = size
        pending = size
    }

    func timerFired() throws {
        pending -= 1
        guard pending == 0 else { return }
        pending = size
        try reactor.stop()
    }
}

/// With many timers pending, none of which is ever due, each operation cancels one and adds another.
func timerChurn(_ round: Round) throws {
    let reactor = Reactor.shared
    let counter = Counter()
    var (pending, changes) = idleTimeouts(round) { delay in
        reactor.callLater(delay) { counter.called += 1 }
    }
    try round.timed {
        for (victim, delay) in changes {
            try pending[victim].cancel()
            pending[victim] = reactor.callLater(delay) { counter.called += 1 }
        }
    }
}

/// With many timers pending, each operation pushes one back.
func timerAgain(_ round: Round) throws {
    let reactor = Reactor.shared
    let counter = Counter()
    let (pending, changes) = idleTimeouts(round) { delay in
        reactor.callLater(delay) { counter.called += 1 }
    }
    try round.timed {
        for (victim, delay) in changes { try pending[victim].reset(to: delay) }
    }
}

/// The timers that are pending, and for each operation which of them is to be changed and what its delay is then.
private func idleTimeouts(
    _ round: Round,
    add: (Duration) -> DelayedCall
) -> (pending: [DelayedCall], changes: [(victim: Int, delay: Duration)]) {
    var state: UInt64 = 1
    let delays = (0..<max(round.operations, round.size)).map { _ in Duration.nanoseconds(round_far_delay_ns(&state)) }
    state = 2
    let changes = (0..<round.operations).map { (Int(round_random(&state) % UInt64(round.size)), delays[$0]) }
    return (delays[..<round.size].map(add), changes)
}

/// Calls that come again each millisecond, until so many were made.
func timerRepeat(_ round: Round) throws {
    let reactor = Reactor.shared
    let counter = Counter()
    let wanted = round.operations
    for _ in 0..<round.size {
        let loopingCall = LoopingCall {
            counter.called += 1
            if counter.called == wanted { try reactor.stop() }
        }
        try loopingCall.start(every: .milliseconds(1), now: false)
    }
    try round.timed {
        try reactor.run(installSignalHandlers: false)
    }
    round.operations = counter.called
}
