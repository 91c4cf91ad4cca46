import Testing

@testable import Reactor

@Suite struct LoopingCallsStayInPhase {
    /// A reactor that goes by a clock, and when its calls were made.
    private struct Timeline {
        let clock = VirtualClock(now: ReactorInstant(nanoseconds: 777))
        let start: ReactorInstant
        let reactor: Reactor

        init() throws {
            start = clock.now
            reactor = try makeReactor(clock: clock)
        }

        var now: Duration { start.duration(to: clock.now) }
    }

    @Test func aLoopingCallStartedNowIsMadeAtOnceAndThenAfterEachInterval() throws {
        let timeline = try Timeline()
        var madeAt: [Duration] = []
        let loopingCall = LoopingCall(on: timeline.reactor) { madeAt.append(timeline.now) }
        #expect(!loopingCall.isRunning)
        #expect(loopingCall.interval == nil)
        try loopingCall.start(every: .seconds(2))
        #expect(loopingCall.isRunning)
        #expect(loopingCall.interval == .seconds(2))
        // From the loop, not from start.
        #expect(madeAt == [])

        timeline.reactor.pass(through: .seconds(7))
        #expect(madeAt == [.zero, .seconds(2), .seconds(4), .seconds(6)])
        loopingCall.stop()
    }

    @Test func aLoopingCallNotStartedNowIsFirstMadeAfterAnInterval() throws {
        let timeline = try Timeline()
        var madeAt: [Duration] = []
        let loopingCall = LoopingCall(on: timeline.reactor) { madeAt.append(timeline.now) }
        try loopingCall.start(every: .seconds(2), now: false)
        timeline.reactor.pass(through: .seconds(7))
        #expect(madeAt == [.seconds(2), .seconds(4), .seconds(6)])
        loopingCall.stop()
    }

    @Test func theTimeThatACallbackTakesIsNotAddedToTheInterval() throws {
        let timeline = try Timeline()
        var madeAt: [Duration] = []
        let loopingCall = LoopingCall(on: timeline.reactor) {
            madeAt.append(timeline.now)
            timeline.clock.advance(by: .milliseconds(300))
        }
        try loopingCall.start(every: .seconds(1))
        timeline.reactor.pass(through: .seconds(5))
        #expect(madeAt == [.zero, .seconds(1), .seconds(2), .seconds(3), .seconds(4), .seconds(5)])
        loopingCall.stop()
    }

    @Test func callsThatWereMissedAreLeftOut() throws {
        let timeline = try Timeline()
        var madeAt: [Duration] = []
        let loopingCall = LoopingCall(on: timeline.reactor) {
            madeAt.append(timeline.now)
            if madeAt.count == 2 { timeline.clock.advance(by: .milliseconds(3_500)) }
        }
        try loopingCall.start(every: .seconds(1))
        timeline.reactor.pass(through: .seconds(7))
        #expect(madeAt == [.zero, .seconds(1), .seconds(5), .seconds(6), .seconds(7)])
        loopingCall.stop()
    }

    /// Twisted, too, waits for a whole interval then.
    @Test func aCallbackThatTakesWholeIntervalsIsNotMadeAgainAtOnce() throws {
        let timeline = try Timeline()
        var madeAt: [Duration] = []
        let loopingCall = LoopingCall(on: timeline.reactor) {
            madeAt.append(timeline.now)
            timeline.clock.advance(by: .seconds(2))
        }
        try loopingCall.start(every: .seconds(1))
        timeline.reactor.pass(through: .seconds(7))
        #expect(madeAt == [.zero, .seconds(3), .seconds(6)])
        loopingCall.stop()
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func howeverLongCallbacksTakeEachCallIsMadeAtTheNextWholeInterval(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let timeline = try Timeline()
        let interval = UInt64(random.below(1_000_000_000) + 1)
        func sinceStart() -> UInt64 { timeline.clock.now.nanoseconds - timeline.start.nanoseconds }
        var made = 0
        var counted = 0
        var lastMadeAt: UInt64 = 0
        var expected: UInt64 = 0
        var differences: [String] = []
        let loopingCall = LoopingCall.withCount(on: timeline.reactor) { count in
            lastMadeAt = sinceStart()
            if lastMadeAt != expected { differences.append("call \(made): at \(lastMadeAt), expected \(expected)") }
            made += 1
            counted += count
            let duration = random.once(in: 3) ? random.next() % (interval * 4) : random.next() % 1_000
            timeline.clock.advance(by: .nanoseconds(Int64(duration)))
            expected = (sinceStart() / interval + 1) * interval
        }
        try loopingCall.start(every: .nanoseconds(Int64(interval)))
        while made < 200 { timeline.reactor.runOnce(timeout: .seconds(5)) }
        #expect(differences == [])
        // All the intervals since the start, whether there was a call in them or not.
        #expect(counted == Int(lastMadeAt / interval) + 1)
        loopingCall.stop()
    }

    @Test func twoLoopingCallsKeepEachItsOwnTime() throws {
        let timeline = try Timeline()
        var made: [String] = []
        let first = LoopingCall(on: timeline.reactor) { made.append("a\(timeline.now / .seconds(1))") }
        let second = LoopingCall(on: timeline.reactor) { made.append("b\(timeline.now / .seconds(1))") }
        try first.start(every: .seconds(2))
        try second.start(every: .seconds(3), now: false)
        timeline.reactor.pass(through: .seconds(7))
        #expect(made == ["a0.0", "a2.0", "b3.0", "a4.0", "b6.0", "a6.0"])

        first.stop()
        timeline.reactor.pass(through: .seconds(2))
        #expect(made.suffix(1) == ["b9.0"])
        #expect(second.isRunning)
        second.stop()
    }

    @Test(.timeLimit(.minutes(15)))
    func onTheRealClockNoCallIsEarlyAndThePhaseIsKept() throws {
        let reactor = try makeReactor()
        let clock = SuspendingClock()
        let started = clock.now
        var earliest = Duration.zero
        var early: [Duration] = []
        var intervals = 0
        var loopingCall: LoopingCall?
        loopingCall = LoopingCall.withCount(on: reactor) { count in
            intervals += count
            earliest = .milliseconds(3) * (intervals - 1)
            let passed = started.duration(to: clock.now)
            if passed < earliest { early.append(passed - earliest) }
            if intervals >= 20 {
                loopingCall?.stop()
                try reactor.stop()
            }
        }
        try loopingCall?.start(every: .milliseconds(3))
        try reactor.runUntilStopped()
        loopingCall = nil
        #expect(early == [])
    }

    // MARK: Counting

    @Test func theCountTellsHowManyIntervalsWentBy() throws {
        let timeline = try Timeline()
        var counts: [Int] = []
        let loopingCall = LoopingCall.withCount(on: timeline.reactor) { count in
            counts.append(count)
            if counts.count == 2 { timeline.clock.advance(by: .milliseconds(3_500)) }
        }
        try loopingCall.start(every: .seconds(1))
        timeline.reactor.pass(through: .seconds(7))
        // At 0, 1, 5, 6 and 7 seconds.
        #expect(counts == [1, 1, 4, 1, 1])
        loopingCall.stop()
    }

    @Test func intervalsThatWentByBeforeTheFirstCallAreCounted() throws {
        for (now, expected) in [(true, [3, 1, 1]), (false, [2, 1, 1])] {
            let timeline = try Timeline()
            var counts: [Int] = []
            let loopingCall = LoopingCall.withCount(on: timeline.reactor) { counts.append($0) }
            try loopingCall.start(every: .seconds(1), now: now)
            timeline.clock.advance(by: .milliseconds(2_500))
            timeline.reactor.runOnce()
            timeline.reactor.pass(through: .milliseconds(1_500))
            #expect(counts == expected, "now: \(now)")
            loopingCall.stop()
        }
    }

    @Test func countingBeginsAnewWithEachStartAndReset() throws {
        let timeline = try Timeline()
        var counts: [Int] = []
        let loopingCall = LoopingCall.withCount(on: timeline.reactor) { counts.append($0) }
        try loopingCall.start(every: .seconds(1))
        timeline.reactor.runOnce()
        timeline.clock.advance(by: .milliseconds(4_500))
        loopingCall.reset()
        timeline.reactor.pass(through: .seconds(1))
        #expect(counts == [1, 1])

        loopingCall.stop()
        timeline.clock.advance(by: .seconds(10))
        try loopingCall.start(every: .seconds(1))
        timeline.reactor.runOnce()
        #expect(counts == [1, 1, 1])
        loopingCall.stop()
    }

    // MARK: Changes while it runs

    @Test func resetCountsTheIntervalFromNow() throws {
        let timeline = try Timeline()
        var madeAt: [Duration] = []
        let loopingCall = LoopingCall(on: timeline.reactor) { madeAt.append(timeline.now) }
        try loopingCall.start(every: .seconds(1))
        timeline.reactor.pass(through: .milliseconds(1_600))
        loopingCall.reset()
        timeline.reactor.pass(through: .seconds(2))
        #expect(madeAt == [.zero, .seconds(1), .milliseconds(2_600), .milliseconds(3_600)])
        loopingCall.stop()
    }

    @Test func resetPutsOffACallThatIsDue() throws {
        let timeline = try Timeline()
        var madeAt: [Duration] = []
        let loopingCall = LoopingCall(on: timeline.reactor) { madeAt.append(timeline.now) }
        try loopingCall.start(every: .seconds(1))
        loopingCall.reset()
        #expect(timeline.reactor.runOnce() == 0)
        timeline.clock.advance(by: .seconds(5))
        loopingCall.reset()
        #expect(timeline.reactor.runOnce() == 0)
        timeline.reactor.pass(through: .seconds(1))
        #expect(madeAt == [.seconds(6)])
        loopingCall.stop()
    }

    @Test func resetInsideTheCallbackCountsFromThere() throws {
        let timeline = try Timeline()
        var madeAt: [Duration] = []
        let loopingCall = LoopingCall(on: timeline.reactor) { loopingCall in
            madeAt.append(timeline.now)
            timeline.clock.advance(by: .milliseconds(400))
            loopingCall.reset()
            timeline.clock.advance(by: .milliseconds(100))
        }
        try loopingCall.start(every: .seconds(1))
        timeline.reactor.pass(through: .seconds(3))
        #expect(madeAt == [.zero, .milliseconds(1_400), .milliseconds(2_800)])
        loopingCall.stop()
    }

    @Test func anotherIntervalCountsFromNow() throws {
        let timeline = try Timeline()
        var madeAt: [Duration] = []
        let loopingCall = LoopingCall(on: timeline.reactor) { madeAt.append(timeline.now) }
        try loopingCall.start(every: .seconds(1))
        timeline.reactor.pass(through: .milliseconds(1_500))
        try loopingCall.changeInterval(to: .seconds(3))
        #expect(loopingCall.interval == .seconds(3))
        timeline.reactor.pass(through: .seconds(6))
        #expect(madeAt == [.zero, .seconds(1), .milliseconds(4_500), .milliseconds(7_500)])
        loopingCall.stop()
    }

    @Test func theCallbackMayChangeItsInterval() throws {
        let timeline = try Timeline()
        var madeAt: [Duration] = []
        let loopingCall = LoopingCall(on: timeline.reactor) { loopingCall in
            madeAt.append(timeline.now)
            try loopingCall.changeInterval(to: .seconds(madeAt.count))
        }
        try loopingCall.start(every: .seconds(10))
        timeline.reactor.pass(through: .seconds(7))
        #expect(madeAt == [.zero, .seconds(1), .seconds(3), .seconds(6)])
        loopingCall.stop()
    }

    @Test func anIntervalOfZeroMeansOnceInEachPass() throws {
        let timeline = try Timeline()
        var counts: [Int] = []
        let loopingCall = LoopingCall.withCount(on: timeline.reactor) { counts.append($0) }
        for now in [true, false] {
            counts = []
            try loopingCall.start(every: .zero, now: now)
            for pass in 1...5 {
                #expect(timeline.reactor.runOnce() == 1)
                #expect(counts.count == pass)
                timeline.clock.advance(by: .seconds(pass))
            }
            #expect(counts == [1, 1, 1, 1, 1])
            loopingCall.stop()
        }
        #expect(timeline.reactor.runOnce() == 0)
    }

    @Test func anIntervalMayBecomeZeroAndCeaseToBe() throws {
        let timeline = try Timeline()
        var madeAt: [Duration] = []
        let loopingCall = LoopingCall(on: timeline.reactor) { madeAt.append(timeline.now) }
        try loopingCall.start(every: .seconds(1))
        timeline.reactor.pass(through: .seconds(1))
        try loopingCall.changeInterval(to: .zero)
        for _ in 0..<3 { timeline.reactor.runOnce() }
        try loopingCall.changeInterval(to: .seconds(2))
        timeline.reactor.pass(through: .seconds(4))
        #expect(madeAt == [0, 1, 1, 1, 1, 3, 5].map { .seconds($0) })
        loopingCall.stop()
    }

    @Test func anAbsurdIntervalIsBorneAndNeverOver() throws {
        let timeline = try Timeline()
        var made = 0
        let loopingCall = LoopingCall(on: timeline.reactor) { made += 1 }
        try loopingCall.start(every: Duration(attoseconds: .max))
        // More than the 292 years that 63 bits of nanoseconds reach.
        timeline.reactor.pass(through: .seconds(400 * 365 * 86_400))
        #expect(made == 1)
        loopingCall.reset()
        try loopingCall.changeInterval(to: .seconds(1_000_000_000_000))
        timeline.reactor.pass(through: .seconds(100 * 365 * 86_400))
        #expect(made == 1)
        loopingCall.stop()
    }

    @Test func whatCannotBeIsRefusedAndChangesNothing() throws {
        let timeline = try Timeline()
        var made = 0
        let loopingCall = LoopingCall(on: timeline.reactor) { made += 1 }
        #expect(throws: LoopingCallError.negativeInterval(.seconds(-1))) { try loopingCall.start(every: .seconds(-1)) }
        #expect(throws: LoopingCallError.notRunning) { try loopingCall.changeInterval(to: .seconds(1)) }
        loopingCall.reset()
        loopingCall.stop()
        #expect(!loopingCall.isRunning)
        #expect(loopingCall.interval == nil)
        #expect(timeline.reactor.delayedCalls.isEmpty)

        try loopingCall.start(every: .seconds(1))
        #expect(throws: LoopingCallError.alreadyRunning) { try loopingCall.start(every: .seconds(5)) }
        #expect(throws: LoopingCallError.negativeInterval(.nanoseconds(-1))) {
            try loopingCall.changeInterval(to: .nanoseconds(-1))
        }
        #expect(loopingCall.interval == .seconds(1))
        timeline.reactor.pass(through: .seconds(3))
        #expect(made == 4)
        loopingCall.stop()
    }
}
