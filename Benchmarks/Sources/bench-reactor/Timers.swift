import Reactor
import Round

/// Adds all timers and fires all when they are due, and measures the two apart.
func millionTimers(_ round: Round) throws {
    let reactor = Reactor.shared
    let batch = Batch(reactor, size: round.size)
    let horizon = round_horizon_ns(round.size)
    let delays = randomDelays(round, below: horizon)
    let adding = round.part("timers_add")
    let firing = round.part("timers_fire")
    for _ in 0..<round.batches {
        try adding.timed {
            for delay in delays { reactor.callLater(delay, batch.timerFired) }
        }
        round_wait_ns(horizon)
        try firing.timed { try reactor.run(installSignalHandlers: false) }
    }
    for part in [adding, firing] { part.operations = round.batches * round.size }
}

/// The same on a clock that does not depend on the machine's, so that each run does exactly the same.
func timersInVirtualTime(_ round: Round) throws {
    let clock = VirtualClock()
    let reactor = try Reactor(clock: clock)
    let batch = Batch(reactor, size: round.size)
    let horizon = round_horizon_ns(round.size)
    let delays = randomDelays(round, below: horizon)
    try round.timed {
        for _ in 0..<round.batches {
            for delay in delays { reactor.callLater(delay, batch.timerFired) }
            clock.advance(by: .nanoseconds(horizon))
            try reactor.run(installSignalHandlers: false)
        }
    }
    round.operations = round.batches * round.size
}

/// Timers that fire one by one: the loop sleeps and wakes up between them, and each notes how late it is.
func timerPrecision(_ round: Round) throws {
    let reactor = Reactor.shared
    let batch = Batch(reactor, size: round.size)
    let delays = randomDelays(round, below: round_spread_ns).map { ($0, Int64($0 / .nanoseconds(1))) }
    round.operations = round.size
    round.expectLatencies()
    try round.timed {
        for (delay, nanoseconds) in delays {
            let deadline = monotonicNow() + nanoseconds
            reactor.callLater(delay) {
                round.record(monotonicNow() - deadline)
                try batch.timerFired()
            }
        }
        try reactor.run(installSignalHandlers: false)
    }
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
func timerChurn(_ round: Round, on reactor: Reactor) throws {
    var timeouts = IdleTimeouts(round, on: reactor)
    try round.timed { try timeouts.cancelAndAdd() }
}

/// With many timers pending, each operation pushes one back.
func timerAgain(_ round: Round, on reactor: Reactor) throws {
    let timeouts = IdleTimeouts(round, on: reactor)
    try round.timed { try timeouts.pushBack() }
}

/// Timers that are pending, and for each operation which of them is to be changed and what its delay is then.
private struct IdleTimeouts {
    private let reactor: Reactor
    private let counter = Counter()
    private var pending: [DelayedCall] = []
    private let victims: [UInt32]
    private let delays: [Duration]

    init(_ round: Round, on reactor: Reactor) {
        self.reactor = reactor
        var state: UInt64 = 2
        victims = (0..<round.operations).map { _ in UInt32(round_random(&state) % UInt64(round.size)) }
        delays = farDelays(count: max(round.operations, round.size))
        pending = delays[..<round.size].map { [reactor, counter] in
            reactor.callLater($0) { counter.called += 1 }
        }
    }

    mutating func cancelAndAdd() throws {
        for (victim, delay) in zip(victims, delays) {
            let victim = Int(victim)
            try pending[victim].cancel()
            pending[victim] = reactor.callLater(delay) { [counter] in counter.called += 1 }
        }
    }

    func pushBack() throws {
        for (victim, delay) in zip(victims, delays) { try pending[Int(victim)].reset(to: delay) }
    }
}

private func farDelays(count: Int) -> [Duration] {
    var state: UInt64 = 1
    return (0..<count).map { _ in .nanoseconds(round_far_delay_ns(&state)) }
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
}

/// How much memory pending timers take.
func footprintOfTimers(_ round: Round) throws {
    let reactor = Reactor.shared
    let counter = Counter()
    let delays = farDelays(count: round.size)
    try round.weighed {
        for delay in delays { reactor.callLater(delay) { counter.called += 1 } }
    }
    round.operations = round.size
}

/// From the start of the process to its first callback.
func start(_ round: Round) throws {
    let reactor = Reactor.shared
    reactor.callLater(.zero) { try reactor.stop() }
    try reactor.run(installSignalHandlers: false)
    round.started()
}

/// Reports of calls that throw.
func failures(_ round: Round, on reactor: Reactor) throws {
    let counter = Counter()
    reactor.onFailure = { _ in
        counter.called += 1
        if counter.called == round.operations { try reactor.stop() }
    }
    try round.timed {
        for _ in 0..<round.operations { reactor.callLater(.zero) { throw Mishap() } }
        try reactor.run(installSignalHandlers: false)
    }
}

private struct Mishap: Error {}

/// Watchers of pipes and timers at rest. An operation is a millisecond.
func idle(_ round: Round) throws {
    let reactor = Reactor.shared
    for delay in farDelays(count: round.size) { reactor.callLater(delay) {} }
    for pair in openPairs(round, kind: round_readers) { try reactor.addReader(pair.reader) {} }
    reactor.runOnce()
    try round.timed {
        reactor.callLater(.milliseconds(round.operations)) { try reactor.stop() }
        try reactor.run(installSignalHandlers: false)
    }
}

/// What the callbacks count.
final class Counter {
    var called = 0
}
