import Testing

@testable import Reactor

/// Looping calls whose work goes on after their callback has returned.
@Suite struct LoopingCallsDefer {
    /// A looping call every second that defers its restart in the calls that `defers` tells.
    private final class Deferring {
        let clock = VirtualClock()
        let reactor: Reactor
        let log: FailureLog
        private(set) var loopingCall: LoopingCall!
        private(set) var madeAt: [Duration] = []
        private(set) var counts: [Int] = []
        private(set) var told: [String] = []
        var deferral: LoopingCall.Deferral?
        private let start: ReactorInstant

        init(whileCalled: @escaping (Deferring) throws -> Void) throws {
            start = clock.now
            reactor = try makeReactor(clock: clock)
            log = FailureLog(of: reactor)
            loopingCall = LoopingCall.withCount(on: reactor) { [weak self] count in
                guard let self else { return }
                counts.append(count)
                madeAt.append(start.duration(to: clock.now))
                try whileCalled(self)
            }
            try loopingCall.start(every: .seconds(1)) { [weak self] result in
                switch result {
                case .success: self?.told.append("stopped")
                case .failure(let error): self?.told.append("failed: \(error)")
                }
            }
        }

        /// Defers in the first call only.
        convenience init() throws {
            try self.init { deferring in
                if deferring.madeAt.count == 1 { deferring.deferral = deferring.loopingCall.deferRestart() }
            }
        }

        deinit { loopingCall?.stop() }

        func pass(through duration: Duration) { reactor.pass(through: duration) }
    }

    @Test func theNextCallWaitsUntilTheDeferralIsFinishedAndIsInPhase() throws {
        let deferring = try Deferring()
        deferring.pass(through: .milliseconds(2_400))
        #expect(deferring.madeAt == [.zero])
        #expect(deferring.loopingCall.isRunning)
        #expect(deferring.reactor.delayedCalls.isEmpty)

        deferring.deferral?.finish()
        deferring.pass(through: .seconds(2))
        #expect(deferring.madeAt == [0, 3, 4].map { .seconds($0) })
        #expect(deferring.counts == [1, 3, 1])
        #expect(deferring.told == [])
        #expect(deferring.log.failures.isEmpty)
    }

    @Test func aDeferralThatFailsEndsItAsIfTheCallbackHadThrown() throws {
        let deferring = try Deferring()
        deferring.pass(through: .milliseconds(2_400))
        deferring.deferral?.fail(Mishap(3))
        #expect(deferring.told == ["failed: mishap 3"])
        #expect(!deferring.loopingCall.isRunning)
        #expect(deferring.log.mishaps == [3])
        #expect(deferring.log.failures.first?.consequence == .loopingCallStopped)
        #expect(deferring.log.failures.first?.kind == .loopingCall(every: .seconds(1)))
        let site = deferring.loopingCall.registeredAt.description
        #expect(deferring.log.failures.first?.registeredAt.description == site)
        deferring.pass(through: .seconds(5))
        #expect(deferring.madeAt == [.zero])
    }

    @Test func aDeferralThatIsFinishedBeforeTheCallbackReturnsChangesNothing() throws {
        let deferring = try Deferring { deferring in
            let deferral = deferring.loopingCall.deferRestart()
            deferral.finish()
        }
        deferring.pass(through: .seconds(3))
        #expect(deferring.madeAt == [0, 1, 2, 3].map { .seconds($0) })
        #expect(deferring.counts == [1, 1, 1, 1])
        #expect(deferring.reactor.delayedCalls.count == 1)
    }

    @Test func aDeferralThatFailsBeforeTheCallbackReturnsEndsItThen() throws {
        var events: [String] = []
        let deferring = try Deferring { deferring in
            deferring.loopingCall.deferRestart().fail(Mishap(5))
            events.append("callback goes on, told: \(deferring.told.count), failures: \(deferring.log.failures.count)")
        }
        deferring.pass(through: .seconds(3))
        #expect(events == ["callback goes on, told: 0, failures: 0"])
        #expect(deferring.told == ["failed: mishap 5"])
        #expect(deferring.log.mishaps == [5])
        #expect(!deferring.loopingCall.isRunning)
    }

    @Test func aDroppedDeferralIsFinished() throws {
        let deferring = try Deferring()
        deferring.pass(through: .milliseconds(1_500))
        deferring.deferral = nil
        deferring.pass(through: .seconds(1))
        #expect(deferring.madeAt == [0, 2].map { .seconds($0) })
    }

    @Test func aDeferralThatNobodyKeepsIsFinishedAtOnce() throws {
        let deferring = try Deferring { deferring in _ = deferring.loopingCall.deferRestart() }
        deferring.pass(through: .seconds(2))
        #expect(deferring.madeAt == [0, 1, 2].map { .seconds($0) })
    }

    @Test func onlyTheFirstEndOfADeferralCounts() throws {
        let deferring = try Deferring()
        deferring.pass(through: .milliseconds(1_500))
        deferring.deferral?.finish()
        deferring.deferral?.fail(Mishap())
        deferring.deferral?.finish()
        deferring.pass(through: .milliseconds(1_500))
        deferring.deferral?.finish()
        deferring.deferral = nil
        deferring.pass(through: .seconds(1))
        #expect(deferring.madeAt == [0, 2, 3, 4].map { .seconds($0) })
        #expect(deferring.log.failures.isEmpty)
        #expect(deferring.told == [])
        #expect(deferring.reactor.delayedCalls.count == 1)
    }

    @Test func aStopWhileDeferredIsToldWhenTheWorkIsOver() throws {
        let deferring = try Deferring()
        deferring.pass(through: .milliseconds(1_500))
        deferring.loopingCall.stop()
        #expect(!deferring.loopingCall.isRunning)
        #expect(deferring.told == [])

        deferring.deferral?.finish()
        #expect(deferring.told == ["stopped"])
        deferring.pass(through: .seconds(3))
        #expect(deferring.madeAt == [.zero])
        #expect(deferring.told == ["stopped"])
    }

    @Test func aFailureAfterAStopWhileDeferredIsReportedAndTold() throws {
        let deferring = try Deferring()
        deferring.pass(through: .milliseconds(1_500))
        deferring.loopingCall.stop()
        deferring.deferral?.fail(Mishap(8))
        #expect(deferring.told == ["failed: mishap 8"])
        #expect(deferring.log.mishaps == [8])
        #expect(deferring.log.failures.first?.consequence == CallbackFailure.Consequence.none)
    }

    @Test func aStopInTheCallbackThatDeferredIsToldWhenTheWorkIsOver() throws {
        let deferring = try Deferring { deferring in
            deferring.deferral = deferring.loopingCall.deferRestart()
            deferring.loopingCall.stop()
        }
        deferring.pass(through: .seconds(2))
        #expect(deferring.told == [])
        deferring.deferral?.finish()
        #expect(deferring.told == ["stopped"])
        #expect(deferring.madeAt == [.zero])
    }

    @Test func aCallbackThatDefersAndThrowsIsToldOnceHoweverTheWorkEnds() throws {
        for fails in [false, true] {
            let deferring = try Deferring { deferring in
                deferring.deferral = deferring.loopingCall.deferRestart()
                throw Mishap(1)
            }
            deferring.pass(through: .seconds(2))
            #expect(deferring.told == ["failed: mishap 1"])
            if fails { deferring.deferral?.fail(Mishap(2)) } else { deferring.deferral?.finish() }
            #expect(deferring.told == ["failed: mishap 1"], "fails: \(fails)")
            #expect(deferring.log.mishaps.first == 1)
            #expect(!deferring.loopingCall.isRunning)
            deferring.pass(through: .seconds(2))
            #expect(deferring.madeAt == [.zero])
        }
    }

    @Test func aDeferralThatIsLeftOverFromAnEarlierCallEndsNoLaterOne() throws {
        var leftOver: LoopingCall.Deferral?
        let deferring = try Deferring { deferring in
            if deferring.madeAt.count == 1 { leftOver = deferring.loopingCall.deferRestart() }
            deferring.deferral = deferring.loopingCall.deferRestart()
            if deferring.madeAt.count == 1 { deferring.deferral?.finish() }
        }
        deferring.pass(through: .milliseconds(500))
        // Whether the first call waits for one of its two deferrals or for both is nobody's business here.
        if deferring.reactor.delayedCalls.isEmpty {
            leftOver?.finish()
            leftOver = nil
        }
        deferring.pass(through: .seconds(1))
        #expect(deferring.madeAt == [0, 1].map { .seconds($0) })

        leftOver?.finish()
        deferring.pass(through: .seconds(2))
        #expect(deferring.madeAt == [0, 1].map { .seconds($0) })
        deferring.deferral?.finish()
        deferring.pass(through: .seconds(1))
        #expect(deferring.madeAt == [0, 1, 4].map { .seconds($0) })
    }

    @Test func resetAndAnotherIntervalWhileDeferredCountFromThere() throws {
        let deferring = try Deferring()
        deferring.pass(through: .milliseconds(1_500))
        try deferring.loopingCall.changeInterval(to: .seconds(2))
        deferring.pass(through: .milliseconds(2_700))
        deferring.loopingCall.reset()
        deferring.pass(through: .milliseconds(300))
        #expect(deferring.madeAt == [.zero])
        #expect(deferring.reactor.delayedCalls.isEmpty)

        deferring.deferral?.finish()
        deferring.pass(through: .seconds(4))
        #expect(deferring.madeAt == [0, 6_200, 8_200].map { .milliseconds($0) })
        #expect(deferring.counts == [1, 1, 1])
    }

    @Test func oneThatIsStartedAgainDoesNotWaitForTheWorkOfBefore() throws {
        let deferring = try Deferring()
        deferring.pass(through: .milliseconds(1_500))
        deferring.loopingCall.stop()
        var toldOfSecond = 0
        try deferring.loopingCall.start(every: .seconds(1)) { _ in toldOfSecond += 1 }
        deferring.pass(through: .seconds(1))
        #expect(deferring.madeAt == [0, 1_500, 2_500].map { .milliseconds($0) })

        deferring.deferral?.finish()
        #expect(deferring.told == ["stopped"])
        deferring.pass(through: .seconds(1))
        #expect(deferring.madeAt == [0, 1_500, 2_500, 3_500].map { .milliseconds($0) })
        #expect(deferring.loopingCall.isRunning)
        #expect(toldOfSecond == 0)
    }

    @Test func aDeferralAskedForOutsideTheCallbackIsOverAlready() throws {
        let deferring = try Deferring { _ in }
        var deferral: LoopingCall.Deferral? = deferring.loopingCall.deferRestart()
        deferring.pass(through: .milliseconds(1_500))
        deferral?.fail(Mishap())
        deferral = nil
        deferring.pass(through: .seconds(1))
        #expect(deferring.madeAt == [0, 1, 2].map { .seconds($0) })
        #expect(deferring.log.failures.isEmpty)
        #expect(deferring.told == [])
    }

    @Test func everyCallMayBeDeferred() throws {
        let deferring = try Deferring { deferring in
            deferring.deferral = deferring.loopingCall.deferRestart()
            deferring.reactor.callLater(.milliseconds(1_200)) { [weak deferring] in deferring?.deferral?.finish() }
        }
        deferring.pass(through: .seconds(7))
        #expect(deferring.madeAt == [0, 2, 4, 6].map { .seconds($0) })
        #expect(deferring.counts == [1, 2, 2, 2])
    }
}
