import Dispatch
import Synchronization
import Testing

@testable import Reactor

@Suite struct RunningAndStopping {
    @Test(.timeLimit(.minutes(15)))
    func runReturnsAfterStopAndNotBeforeEvenWithNothingRegistered() throws {
        let reactor = try makeReactor()
        let handle = reactor.handle
        let isRunning = DispatchSemaphore(value: 0)
        let calls = Tally()
        DispatchQueue(label: "another thread").async {
            isRunning.wait()
            for _ in 0..<5 {
                let made = DispatchSemaphore(value: 0)
                handle.callFromThread {
                    calls.add()
                    made.signal()
                }
                // So each call has a pass of its own, and the loop has nothing left before the next.
                made.wait()
            }
            handle.callFromThread { reactor in
                calls.add()
                try reactor.stop()
            }
        }
        reactor.callWhenRunning { isRunning.signal() }
        try reactor.runUntilStopped()
        #expect(calls.value == 6)
    }

    @Test(.timeLimit(.minutes(15)))
    func runCanBeCalledAgain() throws {
        let reactor = try makeReactor()
        var made: [Int] = []
        for round in 0..<5 {
            reactor.callLater(.zero) { made.append(round) }
            reactor.callLater(.milliseconds(1)) { try reactor.stop() }
            try reactor.runUntilStopped()
            #expect(!reactor.isRunning)
        }
        #expect(made == [0, 1, 2, 3, 4])
    }

    @Test(.timeLimit(.minutes(15)))
    func runInsideACallbackThrowsAndTheLoopGoesOn() throws {
        let reactor = try makeReactor()
        var made: [String] = []
        reactor.callLater(.zero) {
            #expect(throws: ReactorError.alreadyRunning) { try reactor.run(installSignalHandlers: false) }
            made.append("first")
        }
        reactor.callLater(.zero) {
            reactor.callLater(.zero) { #expect(throws: ReactorError.alreadyRunning) { try reactor.run() } }
            reactor.runOnce()
            made.append("second")
        }
        reactor.callLater(.milliseconds(1)) { try reactor.stop() }
        try reactor.runUntilStopped()
        #expect(made == ["first", "second"])
    }

    @Test func runInsideRunOnceThrows() throws {
        let reactor = try makeReactor()
        reactor.callLater(.zero) {
            // So that a run that begins all the same ends, too.
            reactor.handle.stop()
            #expect(throws: ReactorError.alreadyRunning) { try reactor.run(installSignalHandlers: false) }
        }
        #expect(reactor.runOnce() == 1)
    }

    @Test(.timeLimit(.minutes(15)))
    func stopThrowsWhileNothingRuns() throws {
        let reactor = try makeReactor()
        #expect(throws: ReactorError.notRunning) { try reactor.stop() }
        reactor.callLater(.zero) { #expect(throws: ReactorError.notRunning) { try reactor.stop() } }
        #expect(reactor.runOnce() == 1)

        reactor.callLater(.zero) { try reactor.stop() }
        try reactor.runUntilStopped()
        #expect(throws: ReactorError.notRunning) { try reactor.stop() }

        // None of these ends the next run.
        var made = 0
        reactor.callLater(.milliseconds(1)) {
            made += 1
            try reactor.stop()
        }
        try reactor.runUntilStopped()
        #expect(made == 1)
    }

    @Test(.timeLimit(.minutes(15)))
    func runTellsThatItWasStopped() throws {
        let reactor = try makeReactor()
        reactor.callLater(.zero) { try reactor.stop() }
        #expect(try reactor.run(installSignalHandlers: false) == .stopped)
        reactor.handle.stop()
        #expect(try reactor.run(installSignalHandlers: false) == .stopped)
    }

    @Test(.timeLimit(.minutes(15)))
    func stopTwiceInAPassIsOneStop() throws {
        let reactor = try makeReactor()
        for _ in 0..<3 { reactor.callLater(.zero) { try reactor.stop() } }
        try reactor.runUntilStopped()

        var made = 0
        reactor.callLater(.zero) {
            made += 1
            try reactor.stop()
        }
        try reactor.runUntilStopped()
        #expect(made == 1)
    }

    @Test(.timeLimit(.minutes(15)))
    func whatIsDueInThePassOfAStopIsStillCalledAndNoMore() throws {
        let reactor = try makeReactor()
        var made: [String] = []
        reactor.callLater(.zero) {
            try reactor.stop()
            reactor.callLater(.zero) { made.append("asked for after stop") }
        }
        reactor.callLater(.zero) { made.append("due") }
        try reactor.runUntilStopped()
        #expect(made == ["due"])

        reactor.callLater(.zero) { try reactor.stop() }
        try reactor.runUntilStopped()
        #expect(made == ["due", "asked for after stop"])
    }

    @Test(.timeLimit(.minutes(15)))
    func isRunningTellsOfARunAndOfNothingElse() throws {
        let reactor = try makeReactor()
        var seen: [String] = []
        #expect(!reactor.isRunning)
        reactor.callLater(.zero) { seen.append("once \(reactor.isRunning)") }
        reactor.runOnce()
        for event in [SystemEvent.startup, .shutdown] {
            reactor.addSystemEventTrigger(.during, event) { [unowned reactor] in
                seen.append("\(event) \(reactor.isRunning)")
            }
        }
        reactor.callLater(.zero) {
            seen.append("run \(reactor.isRunning)")
            try reactor.stop()
            seen.append("stopped \(reactor.isRunning)")
        }
        try reactor.runUntilStopped()
        #expect(!reactor.isRunning)
        #expect(seen == ["once false", "startup true", "run true", "stopped true", "shutdown true"])
    }

    // MARK: Calls when running

    @Test(.timeLimit(.minutes(15)))
    func callsWhenRunningAreMadeInOrderAndOnce() throws {
        let reactor = try makeReactor()
        var made: [String] = []
        for name in ["a", "b", "c"] { reactor.callWhenRunning { made.append(name) } }
        #expect(reactor.runOnce() == 0)
        #expect(made == [])

        for _ in 0..<2 {
            reactor.callWhenRunning {
                made.append("stop")
                try reactor.stop()
            }
            try reactor.runUntilStopped()
        }
        #expect(made == ["a", "b", "c", "stop", "stop"])
    }

    @Test(.timeLimit(.minutes(15)))
    func callsWhenRunningAskedForWhileItRunsAreMadeInTheNextPass() throws {
        let reactor = try makeReactor()
        var made: [String] = []
        reactor.callWhenRunning {
            made.append("a")
            reactor.callWhenRunning {
                made.append("d")
                reactor.callWhenRunning { try reactor.stop() }
            }
        }
        reactor.callWhenRunning { made.append("b") }
        reactor.callLater(.zero) { made.append("c") }
        try reactor.runUntilStopped()
        #expect(made == ["a", "b", "c", "d"])
    }

    /// With nothing else to wake it up.
    @Test(.timeLimit(.minutes(15)))
    func aCallWhenRunningIsMadeWithoutWaiting() throws {
        let reactor = try makeReactor()
        reactor.handle.callFromThread { reactor in reactor.callWhenRunning { try reactor.stop() } }
        try reactor.runUntilStopped()
    }

    @Test(.timeLimit(.minutes(15)))
    func aThrowingCallWhenRunningIsReportedAndTheNextOneIsMade() throws {
        let reactor = try makeReactor()
        let log = FailureLog(of: reactor)
        let line = UInt32(#line + 1)
        reactor.callWhenRunning { throw Mishap(1) }
        reactor.callWhenRunning { try reactor.stop() }
        try reactor.runUntilStopped()
        #expect(log.mishaps == [1])
        #expect(log.failures.first?.kind == .callWhenRunning)
        #expect(log.failures.first?.registeredAt.line == line)
    }

    // MARK: Single passes

    @Test func runOnceTellsHowManyCallbacksItCalled() throws {
        let reactor = try makeReactor()
        #expect(reactor.runOnce() == 0)
        for _ in 0..<7 { reactor.callLater(.zero) {} }
        reactor.callLater(.seconds(60)) {}
        #expect(reactor.runOnce() == 7)
        #expect(reactor.runOnce() == 0)
        reactor.handle.callFromThread {}
        reactor.callLater(.zero) {}
        #expect(reactor.runOnce() == 2)
    }

    @Test func aThrowingCallbackCounts() throws {
        let reactor = try makeReactor()
        let log = FailureLog(of: reactor)
        reactor.callLater(.zero) { throw Mishap() }
        reactor.callLater(.zero) {}
        #expect(reactor.runOnce() == 2)
        #expect(log.failures.count == 1)
    }

    @Test(.timeLimit(.minutes(15)))
    func runOnceWaitsForTheFirstCallback() throws {
        let reactor = try makeReactor()
        var made: [Int] = []
        reactor.callLater(.milliseconds(20)) { made.append(1) }
        reactor.callLater(.seconds(3_600)) { made.append(2) }
        #expect(reactor.runOnce(timeout: .seconds(3_600)) == 1)
        #expect(made == [1])
    }

    @Test(.timeLimit(.minutes(15)), arguments: [1, 999, 5_100, 30_000])
    func runOnceWaitsForTheWholeTimeoutWhenNothingHappens(microseconds: Int) throws {
        let reactor = try makeReactor()
        reactor.callLater(.seconds(3_600)) { Issue.record("an hour went by") }
        // Its sleep ends early, and it has to sleep again.
        try reactor.callLater(.microseconds(microseconds / 2)) {}.cancel()
        let clock = SuspendingClock()
        let began = clock.now
        #expect(reactor.runOnce(timeout: .microseconds(microseconds)) == 0)
        #expect(began.duration(to: clock.now) >= .microseconds(microseconds))
    }

    @Test(arguments: [Duration.zero, .nanoseconds(-1), .seconds(-1_000_000_000_000)])
    func runOnceWithoutATimeoutDoesNotWait(timeout: Duration) throws {
        let clock = VirtualClock()
        let reactor = try makeReactor(clock: clock)
        let before = clock.now
        reactor.callLater(.nanoseconds(1)) { Issue.record("it waited") }
        #expect(reactor.runOnce(timeout: timeout) == 0)
        #expect(clock.now == before)
        reactor.callLater(.zero) {}
        #expect(reactor.runOnce(timeout: timeout) == 1)
    }

    @Test(.timeLimit(.minutes(15)))
    func aCallFromAThreadEndsTheWaitOfRunOnce() throws {
        let reactor = try makeReactor()
        let handle = reactor.handle
        DispatchQueue(label: "another thread").async { handle.callFromThread {} }
        #expect(reactor.runOnce(timeout: .seconds(3_600)) == 1)
    }

    @Test func aPassOfAShutdownTriggerWaits() throws {
        let reactor = try IOTest.reactor()
        var called: [Int] = []
        reactor.addSystemEventTrigger(.before, .shutdown) {
            reactor.callLater(.milliseconds(20)) {}
            called.append(reactor.runOnce(timeout: IOTest.longSleep))
        }
        reactor.callWhenRunning { try reactor.stop() }
        try reactor.run()
        #expect(called == [1])
    }
}

/// A counter for several threads.
final class Tally: Sendable {
    private let count = Atomic<Int>(0)

    func add() { count.add(1, ordering: .relaxed) }

    var value: Int { count.load(ordering: .relaxed) }
}
