import Testing

@testable import Reactor

/// By `stop()` or by a callback that throws: what follows, and who is told.
@Suite struct LoopingCallsEnd {
    /// What `whenStopped` is told.
    private final class Outcomes {
        private(set) var all: [String] = []

        func add(_ result: Result<Void, any Error>) {
            switch result {
            case .success: all.append("stopped")
            case .failure(let error): all.append("failed: \(error)")
            }
        }
    }

    @Test func afterStopThereIsNoCall() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        let outcomes = Outcomes()
        var made = 0
        let loopingCall = LoopingCall(on: reactor) { made += 1 }
        try loopingCall.start(every: .seconds(1), whenStopped: outcomes.add)
        reactor.pass(through: .milliseconds(2_500))
        #expect(made == 3)
        #expect(outcomes.all == [])

        loopingCall.stop()
        #expect(!loopingCall.isRunning)
        #expect(outcomes.all == ["stopped"])
        #expect(reactor.delayedCalls.isEmpty)
        reactor.pass(through: .seconds(5))
        #expect(made == 3)

        loopingCall.stop()
        #expect(outcomes.all == ["stopped"])
    }

    @Test func oneThatIsStoppedBeforeItsFirstCallMakesNone() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        let outcomes = Outcomes()
        var made = 0
        let loopingCall = LoopingCall(on: reactor) { made += 1 }
        for now in [true, false] {
            try loopingCall.start(every: .seconds(1), now: now, whenStopped: outcomes.add)
            loopingCall.stop()
            reactor.pass(through: .seconds(5))
        }
        #expect(made == 0)
        #expect(outcomes.all == ["stopped", "stopped"])
    }

    @Test func anotherCallOfThePassMayStopIt() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        var made = 0
        let loopingCall = LoopingCall(on: reactor) { made += 1 }
        reactor.callLater(.zero) { loopingCall.stop() }
        try loopingCall.start(every: .seconds(1))
        #expect(reactor.runOnce() == 1)
        #expect(made == 0)
    }

    @Test func whoeverWaitsIsToldOfAStopInTheCallbackWhenThatIsOver() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        var events: [String] = []
        let loopingCall = LoopingCall(on: reactor) { loopingCall in
            loopingCall.stop()
            #expect(!loopingCall.isRunning)
            loopingCall.stop()
            events.append("callback")
        }
        try loopingCall.start(every: .seconds(1)) { _ in events.append("told") }
        reactor.pass(through: .seconds(5))
        #expect(events == ["callback", "told"])
    }

    // MARK: Again

    @Test func itCanBeStartedAgainWithAPhaseOfItsOwn() throws {
        let clock = VirtualClock()
        let start = clock.now
        let reactor = try makeReactor(clock: clock)
        let outcomes = Outcomes()
        var madeAt: [Duration] = []
        let loopingCall = LoopingCall(on: reactor) { madeAt.append(start.duration(to: clock.now)) }
        try loopingCall.start(every: .seconds(1), whenStopped: outcomes.add)
        reactor.pass(through: .milliseconds(1_300))
        loopingCall.stop()
        try loopingCall.start(every: .seconds(2), whenStopped: outcomes.add)
        reactor.pass(through: .milliseconds(4_500))
        #expect(madeAt == [0, 1_000, 1_300, 3_300, 5_300].map { .milliseconds($0) })
        #expect(outcomes.all == ["stopped"])
        loopingCall.stop()
        #expect(outcomes.all == ["stopped", "stopped"])
    }

    @Test func theCallbackMayStopAndStartIt() throws {
        let clock = VirtualClock()
        let start = clock.now
        let reactor = try makeReactor(clock: clock)
        var events: [String] = []
        var madeAt: [Duration] = []
        let loopingCall = LoopingCall(on: reactor) { loopingCall in
            madeAt.append(start.duration(to: clock.now))
            guard madeAt.count == 2 else { return }
            loopingCall.stop()
            try loopingCall.start(every: .seconds(3), now: false) { _ in events.append("second told") }
            events.append("callback")
        }
        try loopingCall.start(every: .seconds(1)) { _ in events.append("first told") }
        reactor.pass(through: .seconds(8))
        #expect(madeAt == [0, 1, 4, 7].map { .seconds($0) })
        #expect(events == ["callback", "first told"])
        #expect(loopingCall.isRunning)
        #expect(reactor.delayedCalls.count == 1)
        loopingCall.stop()
        #expect(events == ["callback", "first told", "second told"])
    }

    @Test func whoeverIsToldMayStartItAgain() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        var made = 0
        let loopingCall = LoopingCall(on: reactor) { made += 1 }
        try loopingCall.start(every: .seconds(1)) { _ in
            #expect(throws: Never.self) { try loopingCall.start(every: .seconds(1)) }
        }
        reactor.runOnce()
        loopingCall.stop()
        #expect(loopingCall.isRunning)
        reactor.runOnce()
        #expect(made == 2)
        loopingCall.stop()
        #expect(!loopingCall.isRunning)
    }

    // MARK: A callback that throws

    @Test func aThrowingCallbackIsReportedOnceAndEndsIt() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        let log = FailureLog(of: reactor)
        let outcomes = Outcomes()
        var made = 0
        let line = UInt32(#line + 1)
        let loopingCall = LoopingCall(on: reactor) {
            made += 1
            if made == 3 { throw Mishap(42) }
        }
        try loopingCall.start(every: .milliseconds(250), whenStopped: outcomes.add)
        reactor.pass(through: .seconds(5))

        #expect(made == 3)
        #expect(!loopingCall.isRunning)
        #expect(outcomes.all == ["failed: mishap 42"])
        #expect(reactor.delayedCalls.isEmpty)
        let failure = try #require(log.failures.first)
        #expect(log.failures.count == 1)
        #expect(failure.error as? Mishap == Mishap(42))
        #expect(failure.kind == .loopingCall(every: .milliseconds(250)))
        #expect(failure.registeredAt.line == line)
        #expect(failure.registeredAt.description.hasPrefix("LoopingCallsEnd.swift:"))
        #expect(failure.consequence == .loopingCallStopped)
    }

    @Test func theReportComesFirstAndFindsItStopped() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        var events: [String] = []
        let loopingCall = LoopingCall(on: reactor) { throw Mishap() }
        reactor.onFailure = { _ in events.append("reported, running: \(loopingCall.isRunning)") }
        try loopingCall.start(every: .seconds(1)) { _ in events.append("told, running: \(loopingCall.isRunning)") }
        reactor.runOnce()
        #expect(events == ["reported, running: false", "told, running: false"])
    }

    @Test func oneThatFailedCanBeStartedAgain() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        let log = FailureLog(of: reactor)
        let outcomes = Outcomes()
        var made = 0
        let loopingCall = LoopingCall(on: reactor) {
            made += 1
            throw Mishap(made)
        }
        for _ in 0..<3 {
            try loopingCall.start(every: .seconds(1), whenStopped: outcomes.add)
            reactor.pass(through: .seconds(3))
        }
        #expect(log.mishaps == [1, 2, 3])
        #expect(outcomes.all == ["failed: mishap 1", "failed: mishap 2", "failed: mishap 3"])
    }

    @Test func aCallbackThatStopsItAndThrowsIsReportedAndToldAsFailed() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        let log = FailureLog(of: reactor)
        let outcomes = Outcomes()
        let loopingCall = LoopingCall(on: reactor) { loopingCall in
            loopingCall.stop()
            throw Mishap(9)
        }
        try loopingCall.start(every: .seconds(1), whenStopped: outcomes.add)
        reactor.pass(through: .seconds(3))
        #expect(log.mishaps == [9])
        // It was not the failure that stopped it.
        #expect(log.failures.first?.consequence == CallbackFailure.Consequence.none)
        #expect(outcomes.all == ["failed: mishap 9"])
    }

    @Test func theFailureOfOneLeavesTheOtherRunning() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        let log = FailureLog(of: reactor)
        var made = 0
        let failing = LoopingCall(on: reactor) { throw Mishap() }
        let other = LoopingCall(on: reactor) { made += 1 }
        try failing.start(every: .seconds(1))
        try other.start(every: .seconds(1))
        reactor.pass(through: .seconds(3))
        #expect(log.failures.count == 1)
        #expect(made == 4)
        other.stop()
    }

    @Test func whoeverIsToldMayThrowAndThatIsReported() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        let log = FailureLog(of: reactor)
        let loopingCall = LoopingCall(on: reactor) {}
        try loopingCall.start(every: .seconds(1)) { _ in throw Mishap(5) }
        reactor.pass(through: .seconds(1))
        loopingCall.stop()
        #expect(log.mishaps == [5])
        #expect(log.failures.first?.kind == .loopingCall(every: .seconds(1)))
        #expect(log.failures.first?.consequence == CallbackFailure.Consequence.none)
        #expect(!loopingCall.isRunning)

        let failing = LoopingCall(on: reactor) { throw Mishap(6) }
        try failing.start(every: .seconds(1)) { _ in throw Mishap(7) }
        reactor.runOnce()
        #expect(log.mishaps == [5, 6, 7])
    }

    // MARK: What it holds

    @Test func oneThatIsDroppedGoesOnUntilStopped() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        var made = 0
        try LoopingCall(on: reactor) { loopingCall in
            made += 1
            if made == 3 { loopingCall.stop() }
        }.start(every: .seconds(1))
        reactor.pass(through: .seconds(5))
        #expect(made == 3)
        #expect(reactor.delayedCalls.isEmpty)
    }

    @Test func stoppingReleasesWhatTheCallbackHolds() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        var released = 0
        var loopingCall: LoopingCall? = LoopingCall(on: reactor, callbackWithCaptive { released += 1 })
        try loopingCall?.start(every: .seconds(1))
        reactor.pass(through: .seconds(2))
        loopingCall?.stop()
        // It could be started again.
        #expect(released == 0)
        loopingCall = nil
        #expect(released == 1)
    }

    @Test func aFailureReleasesWhatTheCallbackAndWhoeverWaitsHold() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        let log = FailureLog(of: reactor)
        var released: [String] = []
        func start() throws {
            let captive = Captive { released.append("callback") }
            let waiting = Captive { released.append("whenStopped") }
            try LoopingCall(on: reactor) { () throws -> Void in
                captive.touch()
                throw Mishap()
            }.start(every: .seconds(1)) { _ in waiting.touch() }
        }
        try start()
        #expect(released == [])
        reactor.runOnce()
        #expect(log.failures.count == 1)
        #expect(released.sorted() == ["callback", "whenStopped"])
    }

    /// It calls back through the reactor, and would otherwise keep it for ever.
    @Test func aReactorThatGoesAwayTakesItsLoopingCallsWithIt() throws {
        var released = 0
        weak var weakReactor: Reactor?
        do {
            let reactor = try makeReactor(clock: VirtualClock())
            weakReactor = reactor
            try LoopingCall(on: reactor, callbackWithCaptive { released += 1 }).start(every: .seconds(1))
            reactor.pass(through: .seconds(2))
        }
        #expect(weakReactor == nil)
        #expect(released == 1)
    }

    @Test func oneThatOutlivesItsReactorIsOverAndSaysSo() throws {
        var reactor: Reactor? = try makeReactor(clock: VirtualClock())
        let running = LoopingCall(on: try #require(reactor)) {}
        let waiting = LoopingCall(on: try #require(reactor)) {}
        try running.start(every: .seconds(1))
        reactor = nil
        #expect(!running.isRunning)
        for loopingCall in [running, waiting] {
            #expect(throws: LoopingCallError.reactorIsGone) { try loopingCall.start(every: .seconds(1)) }
            #expect(throws: LoopingCallError.notRunning) { try loopingCall.changeInterval(to: .seconds(1)) }
            loopingCall.reset()
            loopingCall.stop()
        }
    }

    @Test func deferredWorkMayEndAfterItsReactor() throws {
        var reactor: Reactor? = try makeReactor(clock: VirtualClock())
        var deferral: LoopingCall.Deferral?
        let loopingCall = LoopingCall(on: try #require(reactor)) { loopingCall in
            deferral = loopingCall.deferRestart()
        }
        try loopingCall.start(every: .seconds(1))
        reactor?.pass(through: .zero)
        try #require(deferral != nil)
        reactor = nil
        deferral?.finish()
        deferral = nil
        #expect(!loopingCall.isRunning)
    }

    /// What a delayed call holds is released while the reactor goes, and may do anything.
    @Test func whatGoesWithTheReactorMayResetALoopingCall() throws {
        var reactor: Reactor? = try makeReactor(clock: VirtualClock())
        let loopingCall = LoopingCall(on: try #require(reactor)) {}
        try loopingCall.start(every: .seconds(1))
        var released = 0
        reactor?.callLater(
            .seconds(5),
            callbackWithCaptive {
                released += 1
                loopingCall.reset()
            }
        )
        reactor = nil
        #expect(released == 1)
        #expect(!loopingCall.isRunning)
    }
}
