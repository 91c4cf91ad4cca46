import Dispatch
import Testing

@testable import Reactor

/// `runOnce()` from inside a callback.
@Suite struct NestedPasses {
    @Test func aNestedPassCallsWhatTheOuterOneHasLeftAndNothingIsCalledTwice() throws {
        let reactor = try makeReactor()
        var made: [String] = []
        reactor.callLater(.zero) { made.append("a") }
        reactor.callLater(.zero) {
            made.append("b begins")
            #expect(reactor.runOnce() == 2)
            made.append("b ends")
        }
        reactor.callLater(.zero) { made.append("c") }
        reactor.callLater(.zero) { made.append("d") }
        reactor.runOnce()
        #expect(made == ["a", "b begins", "c", "d", "b ends"])
        #expect(reactor.runOnce() == 0)
    }

    @Test func aNestedPassMergesWhatIsLeftAndWhatIsNewInOrder() throws {
        let clock = VirtualClock()
        let reactor = try makeReactor(clock: clock)
        var made: [String] = []
        reactor.callLater(.seconds(1)) {
            made.append("first")
            reactor.callLater(.zero) { made.append("asked for in the first") }
            clock.advance(by: .seconds(10))
            reactor.callLater(.zero) { made.append("asked for later") }
            #expect(reactor.runOnce() == 5)
            made.append("nested pass over")
        }
        reactor.callLater(.seconds(2)) { made.append("due in the outer pass") }
        reactor.callLater(.seconds(3)) { made.append("another due in the outer pass") }
        reactor.callLater(.seconds(5)) { made.append("due in the nested pass") }
        clock.advance(by: .seconds(4))
        reactor.runOnce()
        #expect(
            made == [
                "first", "due in the outer pass", "another due in the outer pass", "asked for in the first",
                "due in the nested pass", "asked for later", "nested pass over",
            ]
        )
    }

    @Test(.timeLimit(.minutes(15)))
    func aNestedPassTakesUpTheCallsWhenRunningThatTheOuterOneHasLeft() throws {
        let reactor = try makeReactor()
        var made: [String] = []
        reactor.callWhenRunning {
            made.append("a begins")
            reactor.callWhenRunning { made.append("c") }
            // What is left is there already, so it does not wait.
            #expect(reactor.runOnce(timeout: .seconds(3_600)) == 2)
            made.append("a ends")
            try reactor.stop()
        }
        reactor.callWhenRunning { made.append("b") }
        try reactor.runUntilStopped()
        #expect(made == ["a begins", "b", "c", "a ends"])
    }

    @Test(.timeLimit(.minutes(15)))
    func aNestedPassTakesUpTheCallsFromThreadsThatTheOuterOneHasLeft() throws {
        let reactor = try makeReactor()
        let log = FailureLog(of: reactor)
        reactor.handle.callFromThread { reactor in
            #expect(reactor.runOnce(timeout: .seconds(3_600)) == 2)
            throw Mishap(3)
        }
        reactor.handle.callFromThread { throw Mishap(1) }
        reactor.handle.callFromThread { throw Mishap(2) }
        #expect(reactor.runOnce() == 3)
        #expect(log.mishaps == [1, 2, 3])
        #expect(reactor.runOnce() == 0)
    }

    @Test func passesNestAsDeepAsTheyAreAskedFor() throws {
        let reactor = try makeReactor()
        var made: [Int] = []
        func nest(_ depth: Int) {
            made.append(depth)
            guard depth < 50 else { return }
            reactor.callLater(.zero) { nest(depth + 1) }
            // The one asked for just now, with all that is inside it.
            #expect(reactor.runOnce() > 0)
            made.append(-depth)
        }
        reactor.callLater(.zero) { nest(1) }
        reactor.runOnce()
        #expect(made == Array(1...50) + (1...49).reversed().map { -$0 })
        #expect(reactor.runOnce() == 0)
    }

    @Test func aNeighbourCancelledInANestedPassIsNotCalledByTheOuterOne() throws {
        let reactor = try makeReactor()
        var made: [String] = []
        var last: DelayedCall?
        reactor.callLater(.zero) {
            reactor.callLater(.zero) { made.append("asked for") }
            reactor.runOnce()
            made.append("first ends")
        }
        reactor.callLater(.zero) {
            made.append("second")
            try last?.cancel()
        }
        last = reactor.callLater(.zero) { made.append("last") }
        reactor.runOnce()
        #expect(made == ["second", "asked for", "first ends"])
    }

    @Test func aNestedPassWaitsForATimeoutUnderVirtualTime() throws {
        let clock = VirtualClock()
        let start = clock.now
        let reactor = try makeReactor(clock: clock)
        var made: [String] = []
        reactor.callLater(.zero) {
            #expect(reactor.runOnce(timeout: .seconds(5)) == 1)
            made.append("after \(start.duration(to: clock.now))")
            #expect(reactor.runOnce(timeout: .seconds(5)) == 0)
            made.append("after \(start.duration(to: clock.now))")
        }
        reactor.callLater(.seconds(3)) { made.append("third second") }
        reactor.callLater(.seconds(60)) { made.append("minute") }
        reactor.runOnce()
        #expect(made == ["third second", "after 3.0 seconds", "after 8.0 seconds"])
    }

    @Test(.timeLimit(.minutes(15)))
    func aNestedPassWithATimeoutWaitsForAThread() throws {
        let reactor = try makeReactor()
        let handle = reactor.handle
        var nested: Int?
        reactor.callWhenRunning {
            DispatchQueue(label: "another thread").async { handle.callFromThread {} }
            nested = reactor.runOnce(timeout: .seconds(3_600))
            try reactor.stop()
        }
        try reactor.runUntilStopped()
        #expect(nested == 1)
    }

    @Test(.timeLimit(.minutes(15)))
    func aStopInANestedPassEndsTheRun() throws {
        let reactor = try makeReactor()
        var made: [String] = []
        reactor.callLater(.zero) {
            reactor.callLater(.zero) {
                made.append("inner")
                try reactor.stop()
            }
            reactor.runOnce()
            made.append("outer")
        }
        try reactor.runUntilStopped()
        #expect(made == ["inner", "outer"])
        #expect(!reactor.isRunning)
    }

    /// The run is to end; whoever waits for something inside it must not hold it up.
    @Test(.timeLimit(.minutes(15)))
    func aNestedPassDoesNotWaitOnceTheReactorIsStopping() throws {
        let reactor = try makeReactor()
        reactor.callLater(.zero) {
            try reactor.stop()
            #expect(reactor.runOnce(timeout: .seconds(3_600)) == 0)
        }
        try reactor.runUntilStopped()
    }

    @Test func aFailureInANestedPassIsReportedAndBothPassesGoOn() throws {
        let reactor = try makeReactor()
        let log = FailureLog(of: reactor)
        var made: [String] = []
        reactor.callLater(.zero) {
            reactor.runOnce()
            made.append("outer goes on")
            throw Mishap(2)
        }
        reactor.callLater(.zero) { throw Mishap(1) }
        reactor.callLater(.zero) { made.append("inner goes on") }
        reactor.runOnce()
        #expect(log.mishaps == [1, 2])
        #expect(made == ["inner goes on", "outer goes on"])
    }

    /// What a call holds is released with it, and may do then whatever a callback may.
    @Test func aPassMayBeMadeWhenACallIsReleased() throws {
        let reactor = try makeReactor()
        var releases = 0
        func callback() -> () -> Void {
            callbackWithCaptive { [unowned reactor] in
                releases += 1
                reactor.callWhenRunning {}
                reactor.runOnce()
            }
        }
        func callFromThread() {
            let call = IOTest.Smuggled(callback())
            reactor.handle.callFromThread { call.value() }
        }
        reactor.callWhenRunning(callback())
        callFromThread()
        reactor.callLater(.zero) { try reactor.stop() }
        try reactor.runUntilStopped()
        reactor.runOnce()
        #expect(releases == 2)
    }
}
