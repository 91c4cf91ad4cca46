import Testing

@testable import Reactor

/// What a delayed call is called in reports, where the program has given it a label.
@Suite struct LabelsOfDelayedCalls {
    @Test func aLabelIsInTheReportAndInTheSnapshot() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        let log = FailureLog(of: reactor)
        let call = reactor.callLater(.seconds(1), fileID: "Program/Main.swift", line: 3) { throw Mishap() }
        #expect(call.label == nil)
        call.label = "first"
        call.label = "give up"
        #expect(call.label == "give up")
        let entry = try #require(reactor.snapshot().entries.first)
        #expect(entry.label == "give up")
        #expect(entry.kind == .delayedCall(after: .seconds(1)))
        #expect(entry.timeLeft == .seconds(1))
        reactor.runOnce(timeout: .seconds(1))
        let failure = try #require(log.failures.first)
        #expect(failure.label == "give up")
        #expect(failure.kind == .delayedCall(after: .seconds(1)))
        #expect("\(failure)".hasPrefix(#"Unhandled error in a delayed call "give up" (Main.swift:3, after 1.0 s): "#))
    }

    @Test func aCallThatIsOverHasNone() throws {
        let reactor = try makeReactor()
        let call = reactor.callLater(.zero) {}
        call.label = "short"
        reactor.runOnce()
        #expect(call.label == nil)
        call.label = "late"
        #expect(call.label == nil)
    }

    @Test func aLabelThatIsTakenBackIsGone() throws {
        let reactor = try makeReactor()
        let log = FailureLog(of: reactor)
        let call = reactor.callLater(.zero) { throw Mishap() }
        call.label = "first"
        call.label = nil
        reactor.runOnce()
        #expect(log.failures.map(\.label) == [nil])
    }

    /// A delay that is never over is as long as there is room for beside a label.
    @Test func anEndlessDelayIsNotTakenForALabel() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        reactor.callLater(.seconds(Int64.max)) {}
        let entry = try #require(reactor.snapshot().entries.first)
        #expect(entry.label == nil)
        #expect(entry.kind == .delayedCall(after: .nanoseconds(Int64.max)))
    }

    @Test func theCallsOfALoopingCallAreKnownAsItsOwn() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        let loopingCall = LoopingCall(on: reactor, fileID: "Program/Main.swift", line: 5) {}
        loopingCall.label = "heartbeat"
        try loopingCall.start(every: .seconds(2), now: false)
        for _ in 0..<2 {
            let entry = try #require(reactor.snapshot().entries.first)
            #expect(entry.label == "heartbeat")
            #expect(entry.kind == .loopingCall(every: .seconds(2)))
            #expect(entry.timeLeft == .seconds(2))
            #expect(entry.age == .zero)
            reactor.runOnce(timeout: .seconds(2))
        }
        try loopingCall.changeInterval(to: .seconds(3))
        #expect(reactor.snapshot().entries.first?.kind == .loopingCall(every: .seconds(3)))
    }

    enum Ending: CaseIterable {
        case called, calledUnderAnInstrument, failed, cancelled, cancelledInItsCallback, reactorGone
    }

    /// The names are counted by hand.
    @Test(arguments: Ending.allCases) func aNameIsReleasedOnceItsCallIsOver(_ ending: Ending) throws {
        weak var name: CallName?
        do {
            let reactor = try makeReactor()
            let log = FailureLog(of: reactor)
            if ending == .calledUnderAnInstrument { reactor.addInstrument(ReactorFigures()) }
            let call = {
                let new = CallName(label: "counted")
                name = new
                return reactor.callLater(.zero, CallSite(fileID: #fileID, line: #line), new) {
                    if ending == .failed { throw Mishap() }
                }
            }()
            #expect(name != nil)
            #expect(call.label == "counted")
            switch ending {
            case .called, .calledUnderAnInstrument, .failed: reactor.runOnce()
            case .cancelled: try call.cancel()
            case .cancelledInItsCallback:
                reactor.callLater(.zero) { try call.cancel() }
                try call.reset(to: .zero)
                reactor.runOnce()
            case .reactorGone: break
            }
            #expect((name == nil) == (ending != .reactorGone))
            #expect(log.failures.count == (ending == .failed ? 1 : 0))
            withExtendedLifetime(reactor) {}
        }
        #expect(name == nil)
    }
}
