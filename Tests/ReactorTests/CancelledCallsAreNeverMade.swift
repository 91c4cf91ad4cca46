import Testing

@testable import Reactor

/// What can be done to a call that was asked for, and what it says when that comes too late.
@Suite struct CancelledCallsAreNeverMade {
    @Test func aCancelledCallIsNotMade() throws {
        let clock = VirtualClock()
        let reactor = try makeReactor(clock: clock)
        var made: [Int] = []
        let calls = (0..<10).map { number in reactor.callLater(.seconds(number)) { made.append(number) } }
        for number in [0, 4, 9] { try calls[number].cancel() }
        reactor.pass(through: .seconds(20))
        #expect(made == [1, 2, 3, 5, 6, 7, 8])
    }

    @Test func aCallThatIsDueInThisPassCanStillBeCancelled() throws {
        let reactor = try makeReactor()
        var made: [String] = []
        var neighbour: DelayedCall?
        reactor.callLater(.zero) {
            made.append("first")
            try neighbour?.cancel()
        }
        neighbour = reactor.callLater(.zero) { made.append("neighbour") }
        reactor.callLater(.zero) { made.append("last") }

        #expect(reactor.runOnce() == 2)
        #expect(reactor.runOnce() == 0)
        #expect(made == ["first", "last"])
        #expect(neighbour?.isActive == false)
    }

    @Test(arguments: [Duration.zero, .seconds(-5), .seconds(3)])
    func aCallThatIsDueInThisPassAndIsResetWaitsForAnother(delay: Duration) throws {
        let clock = VirtualClock()
        let reactor = try makeReactor(clock: clock)
        var made: [String] = []
        var neighbour: DelayedCall?
        reactor.callLater(.zero) {
            made.append("first")
            try neighbour?.reset(to: delay)
        }
        neighbour = reactor.callLater(.zero) { made.append("neighbour") }

        #expect(reactor.runOnce() == 1)
        #expect(neighbour?.deadline == clock.now.advanced(by: max(delay, .zero)))
        reactor.pass(through: .seconds(3))
        #expect(made == ["first", "neighbour"])
    }

    @Test(arguments: [Duration.zero, .seconds(-5), .seconds(3)])
    func aCallThatIsDueInThisPassAndIsDelayedWaitsForAnother(duration: Duration) throws {
        let clock = VirtualClock(now: ReactorInstant(nanoseconds: 60_000_000_000))
        let reactor = try makeReactor(clock: clock)
        var made: [String] = []
        var neighbour: DelayedCall?
        reactor.callLater(.zero) {
            made.append("first")
            try neighbour?.delay(by: duration)
        }
        neighbour = reactor.callLater(.zero) { made.append("neighbour") }

        #expect(reactor.runOnce() == 1)
        #expect(neighbour?.deadline == clock.now.advanced(by: duration))
        reactor.pass(through: .seconds(3))
        #expect(made == ["first", "neighbour"])
    }

    @Test func resetCountsFromNowWhateverTheDeadlineWas() throws {
        let clock = VirtualClock()
        let reactor = try makeReactor(clock: clock)
        var madeAt: [Duration] = []
        let start = clock.now
        let call = reactor.callLater(.seconds(10)) { madeAt.append(start.duration(to: clock.now)) }
        clock.advance(by: .seconds(6))
        try call.reset(to: .seconds(7))
        #expect(call.deadline == start.advanced(by: .seconds(13)))
        clock.advance(by: .seconds(1))
        try call.reset(to: .seconds(2))
        #expect(call.deadline == start.advanced(by: .seconds(9)))
        reactor.pass(through: .seconds(20))
        #expect(madeAt == [.seconds(9)])
    }

    @Test func delayMovesTheDeadlineLaterOrEarlier() throws {
        let clock = VirtualClock()
        let reactor = try makeReactor(clock: clock)
        var madeAt: [Duration] = []
        let start = clock.now
        let call = reactor.callLater(.seconds(10)) { madeAt.append(start.duration(to: clock.now)) }
        clock.advance(by: .seconds(3))
        try call.delay(by: .seconds(5))
        #expect(call.deadline == start.advanced(by: .seconds(15)))
        try call.delay(by: .seconds(-8))
        #expect(call.deadline == start.advanced(by: .seconds(7)))
        reactor.pass(through: .seconds(20))
        #expect(madeAt == [.seconds(7)])
    }

    @Test func aCallThatIsMovedIsTheLastOfThoseWithItsDeadline() throws {
        let clock = VirtualClock()
        let reactor = try makeReactor(clock: clock)
        var made: [Int] = []
        let calls = (0..<6).map { number in reactor.callLater(.seconds(1)) { made.append(number) } }
        try calls[1].reset(to: .seconds(1))
        try calls[3].delay(by: .zero)
        try calls[0].delay(by: .seconds(1))
        try calls[0].delay(by: .seconds(-1))
        reactor.pass(through: .seconds(1))
        #expect(made == [2, 4, 5, 1, 3, 0])
    }

    @Test func aNegativeResetCountsAsZero() throws {
        let clock = VirtualClock(now: ReactorInstant(nanoseconds: 5_000))
        let reactor = try makeReactor(clock: clock)
        var made = 0
        let call = reactor.callLater(.seconds(100)) { made += 1 }
        try call.reset(to: .seconds(-100))
        #expect(call.deadline == clock.now)
        #expect(reactor.runOnce() == 1)
        #expect(made == 1)
    }

    // MARK: Too late

    @Test func aCallThatWasMadeSaysAlreadyCalled() throws {
        let reactor = try makeReactor()
        let call = reactor.callLater(.zero) {}
        reactor.runOnce()
        #expect(!call.isActive)
        #expect(call.deadline == nil)
        #expect(throws: DelayedCallError.alreadyCalled) { try call.cancel() }
        #expect(throws: DelayedCallError.alreadyCalled) { try call.reset(to: .zero) }
        #expect(throws: DelayedCallError.alreadyCalled) { try call.delay(by: .seconds(1)) }
        #expect(reactor.runOnce() == 0)
    }

    @Test func aCallThatWasCancelledSaysAlreadyCancelled() throws {
        let reactor = try makeReactor()
        let call = reactor.callLater(.zero) {}
        try call.cancel()
        #expect(!call.isActive)
        #expect(call.deadline == nil)
        #expect(throws: DelayedCallError.alreadyCancelled) { try call.cancel() }
        #expect(throws: DelayedCallError.alreadyCancelled) { try call.reset(to: .zero) }
        #expect(throws: DelayedCallError.alreadyCancelled) { try call.delay(by: .seconds(1)) }
        #expect(reactor.runOnce() == 0)
    }

    @Test func aCallSaysAlreadyCalledWhileItsCallbackRuns() throws {
        let reactor = try makeReactor()
        var call: DelayedCall?
        var errors: [DelayedCallError] = []
        call = reactor.callLater(.zero) {
            guard let call else { return }
            #expect(!call.isActive)
            #expect(call.deadline == nil)
            for attempt in [{ try call.cancel() }, { try call.reset(to: .zero) }, { try call.delay(by: .zero) }] {
                do { try attempt() } catch let error as DelayedCallError { errors.append(error) }
            }
        }
        reactor.runOnce()
        #expect(errors == [.alreadyCalled, .alreadyCalled, .alreadyCalled])
        #expect(reactor.runOnce() == 0)
    }

    @Test func aCallThatThrewWasCalled() throws {
        let reactor = try makeReactor()
        let log = FailureLog(of: reactor)
        let call = reactor.callLater(.zero) { throw Mishap() }
        reactor.runOnce()
        #expect(log.failures.count == 1)
        #expect(throws: DelayedCallError.alreadyCalled) { try call.cancel() }
    }

    // MARK: Handles

    @Test func copiesOfAHandleSpeakOfOneCall() throws {
        let reactor = try makeReactor()
        let call = reactor.callLater(.seconds(60)) {}
        let other = reactor.callLater(.seconds(60)) {}
        let copy = call
        #expect(copy == call)
        #expect(other != call)
        #expect(Set([call, copy, other]).count == 2)
        #expect(reactor.delayedCalls == [call, other])

        try copy.cancel()
        #expect(!call.isActive)
        #expect(other.isActive)
        #expect(throws: DelayedCallError.alreadyCancelled) { try call.cancel() }
    }

    @Test func aCallWhoseHandleIsDroppedIsMadeAllTheSame() throws {
        let reactor = try makeReactor()
        var made = 0
        do { _ = reactor.callLater(.zero) { made += 1 } }
        reactor.runOnce()
        #expect(made == 1)
    }

    @Test func isActiveAndDeadlineTellOfAPendingCall() throws {
        let clock = VirtualClock(now: ReactorInstant(nanoseconds: 77))
        let reactor = try makeReactor(clock: clock)
        let call = reactor.callLater(.nanoseconds(23)) {}
        #expect(call.isActive)
        #expect(call.deadline == ReactorInstant(nanoseconds: 100))
        clock.advance(by: .nanoseconds(23))
        // Due, and not yet made.
        #expect(call.isActive)
        reactor.runOnce()
        #expect(!call.isActive)
    }

    // MARK: What callbacks hold

    @Test func cancelReleasesWhatTheCallbackHolds() throws {
        let reactor = try makeReactor()
        var released = 0
        let call = reactor.callLater(.seconds(60), callbackWithCaptive { released += 1 })
        #expect(released == 0)
        try call.cancel()
        #expect(released == 1)
    }

    @Test func aCallThatWasMadeReleasesWhatItsCallbackHolds() throws {
        let reactor = try makeReactor()
        var released: [String] = []
        let call = reactor.callLater(.zero, callbackWithCaptive { released.append("released") })
        reactor.callLater(.zero) { released.append("next call") }
        reactor.runOnce()
        #expect(released == ["released", "next call"])
        #expect(!call.isActive)
    }

    @Test func aReactorThatGoesAwayReleasesWhatItsCallbacksHold() throws {
        var released = 0
        var reactor: Reactor? = try makeReactor()
        for delay in [Duration.zero, .milliseconds(1), .seconds(100), Duration(attoseconds: .max)] {
            reactor?.callLater(delay, callbackWithCaptive { released += 1 })
        }
        #expect(released == 0)
        reactor = nil
        #expect(released == 4)
    }

    @Test func whatACallbackHoldsMayUseTheReactorWhileItIsReleased() throws {
        let reactor = try makeReactor()
        var made: [String] = []
        let neighbour = reactor.callLater(.seconds(60)) { made.append("neighbour") }
        let call = reactor.callLater(
            .seconds(60),
            callbackWithCaptive { [unowned reactor] in
                try? neighbour.cancel()
                reactor.callLater(.zero) { made.append("asked for by the deinitialiser") }
            }
        )
        try call.cancel()
        #expect(!neighbour.isActive)
        #expect(reactor.delayedCalls.count == 1)
        reactor.runOnce()
        #expect(made == ["asked for by the deinitialiser"])
    }
}
