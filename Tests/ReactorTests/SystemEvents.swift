import Testing

@testable import Reactor

/// Triggers that are called when a run begins and when it ends.
@Suite struct SystemEvents {
    @Test(.timeLimit(.minutes(15)))
    func triggersAreCalledPhaseByPhaseAndInOrderOnEachRun() throws {
        let reactor = try makeReactor()
        var called: [String] = []
        let events: [(SystemEventPhase, SystemEvent)] = [
            (.after, .shutdown), (.during, .startup), (.before, .shutdown), (.before, .startup), (.during, .shutdown),
            (.after, .startup),
        ]
        for (phase, event) in events {
            for number in 1...2 {
                reactor.addSystemEventTrigger(phase, event) { called.append("\(phase) \(event) \(number)") }
            }
        }
        for _ in 0..<2 {
            called = []
            reactor.callWhenRunning { called.append("running") }
            reactor.callLater(.zero) {
                called.append("stop")
                try reactor.stop()
            }
            reactor.callLater(.zero) { called.append("last call") }
            try reactor.runUntilStopped()
            #expect(
                called == [
                    "before startup 1", "before startup 2", "during startup 1", "during startup 2", "after startup 1",
                    "after startup 2", "running", "stop", "last call", "before shutdown 1", "before shutdown 2",
                    "during shutdown 1", "during shutdown 2", "after shutdown 1", "after shutdown 2",
                ]
            )
        }
    }

    @Test func aSinglePassIsNoSystemEvent() throws {
        let reactor = try makeReactor()
        for event in [SystemEvent.startup, .shutdown] {
            reactor.addSystemEventTrigger(.during, event) { Issue.record("\(event)") }
        }
        #expect(reactor.runOnce() == 0)
    }

    @Test(.timeLimit(.minutes(15)))
    func aCancelledTriggerIsNotCalledAndLetsGoOfWhatItHolds() throws {
        let reactor = try makeReactor()
        var called: [String] = []
        var released = 0
        let cancelled = reactor.addSystemEventTrigger(.before, .startup) { called.append("cancelled") }
        let holding = reactor.addSystemEventTrigger(.before, .startup, callbackWithCaptive { released += 1 })
        let kept = reactor.addSystemEventTrigger(.before, .startup) { called.append("kept") }
        #expect(cancelled.isActive)
        cancelled.cancel()
        #expect(!cancelled.isActive)
        cancelled.cancel()
        holding.cancel()
        #expect(released == 1)

        reactor.callLater(.zero) { try reactor.stop() }
        try reactor.runUntilStopped()
        #expect(called == ["kept"])
        #expect(kept.isActive)
    }

    @Test(.timeLimit(.minutes(15)))
    func aTriggerMayCancelItselfAndItsNeighbours() throws {
        let reactor = try makeReactor()
        var called: [String] = []
        var triggers: [SystemEventTrigger] = []
        triggers.append(
            reactor.addSystemEventTrigger(.before, .startup) {
                called.append("first")
                for trigger in triggers { trigger.cancel() }
            }
        )
        triggers.append(reactor.addSystemEventTrigger(.before, .startup) { called.append("neighbour") })
        triggers.append(reactor.addSystemEventTrigger(.after, .startup) { called.append("later phase") })
        for _ in 0..<2 {
            reactor.callLater(.zero) { try reactor.stop() }
            try reactor.runUntilStopped()
        }
        #expect(called == ["first"])
    }

    @Test(.timeLimit(.minutes(15)))
    func aThrowingTriggerIsReportedAndTheOthersAreCalled() throws {
        let reactor = try makeReactor()
        let log = FailureLog(of: reactor)
        var called: [String] = []
        let line = UInt32(#line + 1)
        let trigger = reactor.addSystemEventTrigger(.during, .startup) { throw Mishap(1) }
        reactor.addSystemEventTrigger(.during, .startup) { called.append("startup") }
        reactor.addSystemEventTrigger(.before, .shutdown) { throw Mishap(2) }
        reactor.addSystemEventTrigger(.before, .shutdown) { called.append("shutdown") }
        reactor.callLater(.zero) { try reactor.stop() }
        try reactor.runUntilStopped()
        #expect(called == ["startup", "shutdown"])
        #expect(log.mishaps == [1, 2])
        let kinds: [CallbackKind] = [.systemEventTrigger(.during, .startup), .systemEventTrigger(.before, .shutdown)]
        #expect(log.failures.map(\.kind) == kinds)
        #expect(log.failures.first?.registeredAt.line == line)
        #expect(trigger.isActive)
    }

    @Test(.timeLimit(.minutes(15)))
    func aTriggerMayStopWhatJustBegins() throws {
        let reactor = try makeReactor()
        var called: [String] = []
        let trigger = reactor.addSystemEventTrigger(.before, .startup) { [unowned reactor] in try reactor.stop() }
        reactor.addSystemEventTrigger(.after, .shutdown) { called.append("shutdown") }
        reactor.callLater(.zero) { called.append("call") }
        try reactor.runUntilStopped()
        #expect(called == ["shutdown"])

        trigger.cancel()
        reactor.callLater(.zero) { try reactor.stop() }
        try reactor.runUntilStopped()
        #expect(called == ["shutdown", "call", "shutdown"])
    }

    /// For a goodbye that has to be written: the loop still turns, but it is over.
    @Test(.timeLimit(.minutes(15)))
    func aShutdownTriggerMayMakePassesAndStopOnceMore() throws {
        let reactor = try makeReactor()
        var called: [String] = []
        reactor.addSystemEventTrigger(.during, .shutdown) { [unowned reactor] in
            reactor.callLater(.zero) { called.append("goodbye") }
            #expect(reactor.runOnce() == 1)
            try reactor.stop()
            #expect(throws: ReactorError.alreadyRunning) { try reactor.run(installSignalHandlers: false) }
        }
        for _ in 0..<2 {
            reactor.callLater(.zero) { try reactor.stop() }
            try reactor.runUntilStopped()
        }
        #expect(called == ["goodbye", "goodbye"])
    }
}
