import Dispatch
import Testing

@testable import Reactor

@Suite struct DelaysAreNeverShortened {
    // MARK: On the real clock

    @Test(.timeLimit(.minutes(15)))
    func noCallIsMadeEarly() throws {
        let reactor = try makeReactor()
        let clock = SuspendingClock()
        var random = SplitMix64(seed: 11)
        var early: [String] = []
        var left = 400
        for _ in 0..<left {
            // Up to 100 µs, 3 ms and 100 ms.
            let bound = [100_000, 3_000_000, 100_000_000][random.below(3)]
            let delay = Duration.nanoseconds(random.below(bound))
            let asked = clock.now
            reactor.callLater(delay) {
                let passed = asked.duration(to: clock.now)
                if passed < delay { early.append("\(delay) after \(passed)") }
                left -= 1
                if left == 0 { try reactor.stop() }
            }
        }
        try reactor.runUntilStopped()
        #expect(early == [])
    }

    /// libev's own timers count from the beginning of the pass.
    @Test(.timeLimit(.minutes(15)))
    func aDelayCountsFromTheMomentOfAskingAndNotFromTheBeginningOfThePass() throws {
        let reactor = try makeReactor()
        let clock = SuspendingClock()
        var passed: Duration?
        reactor.callLater(.zero) {
            let began = clock.now
            while began.duration(to: clock.now) < .milliseconds(30) {}
            let asked = clock.now
            reactor.callLater(.milliseconds(20)) {
                passed = asked.duration(to: clock.now)
                try reactor.stop()
            }
        }
        try reactor.runUntilStopped()
        #expect(try #require(passed) >= .milliseconds(20))
    }

    @Test(.timeLimit(.minutes(15)))
    func aResetOnTheRealClockIsNotEarlyEither() throws {
        let reactor = try makeReactor()
        let clock = SuspendingClock()
        var asked = clock.now
        var passed: Duration?
        var call: DelayedCall?
        // Asked for first, so that it is made first.
        reactor.callLater(.milliseconds(5)) {
            asked = clock.now
            try call?.reset(to: .milliseconds(25))
        }
        call = reactor.callLater(.milliseconds(10)) {
            passed = asked.duration(to: clock.now)
            try reactor.stop()
        }
        try reactor.runUntilStopped()
        #expect(try #require(passed) >= .milliseconds(25))
    }

    /// The loop sleeps until the first deadline; one that was cancelled or pushed back must not end it for the others.
    @Test(.timeLimit(.minutes(15)))
    func everyCallIsMadeHoweverOthersComeAndGo() throws {
        let reactor = try makeReactor()
        var random = SplitMix64(seed: 5)
        var made = 0
        var others: [DelayedCall] = []
        for _ in 0..<200 {
            reactor.callLater(.microseconds(random.below(60_000))) {
                made += 1
                if made == 200 { try reactor.stop() }
                if let other = others.popLast() { try other.cancel() }
                if let other = others.last { try other.reset(to: .microseconds(random.below(3_000) + 3_600_000_000)) }
            }
            others.append(reactor.callLater(.seconds(3_600)) {})
        }
        try reactor.runUntilStopped()
        #expect(made == 200)
    }

    @Test(.timeLimit(.minutes(10)))
    func aCallAskedForDuringASleepUntilAMuchLaterOneIsMadeInTime() throws {
        let reactor = try makeReactor()
        let handle = reactor.handle
        reactor.callLater(.seconds(3_600)) { Issue.record("an hour went by") }
        reactor.callWhenRunning {
            DispatchQueue(label: "another thread").async {
                // Two passes later the loop sleeps until the hour is over.
                let passed = DispatchSemaphore(value: 0)
                for _ in 0..<2 {
                    handle.callFromThread { _ = passed.signal() }
                    passed.wait()
                }
                handle.callFromThread { reactor in
                    reactor.callLater(.milliseconds(2)) { try reactor.stop() }
                }
            }
        }
        try reactor.runUntilStopped()
    }

    // MARK: Absurd delays

    static let absurdDelays: [Duration] = [
        .seconds(1_000_000_000_000), .seconds(1_000_000_000_000_000_000), .seconds(Int64.max),
        Duration(attoseconds: .max), .seconds(18_446_744_074),
    ]

    @Test(arguments: absurdDelays)
    func anAbsurdDelayIsNeverOver(delay: Duration) throws {
        let clock = VirtualClock(now: ReactorInstant(nanoseconds: 1))
        let reactor = try makeReactor(clock: clock)
        var made = 0
        let call = reactor.callLater(delay) { made += 1 }
        #expect(call.deadline == .never)
        let moved = reactor.callLater(.zero) { made += 1 }
        try moved.reset(to: delay)
        #expect(moved.deadline == .never)
        let pushed = reactor.callLater(.seconds(1)) { made += 1 }
        try pushed.delay(by: delay)
        #expect(pushed.deadline == .never)

        reactor.pass(through: .seconds(500 * 365 * 86_400))
        #expect(made == 0)
        #expect(reactor.delayedCalls == [call, moved, pushed])
        try pushed.reset(to: .zero)
        #expect(reactor.runOnce() == 1)
        #expect(made == 1)
        try call.cancel()
        #expect(reactor.delayedCalls == [moved])
    }

    @Test(.timeLimit(.minutes(15)), arguments: absurdDelays + [.seconds(18_000_000_000), .seconds(5_000_000_000)])
    func theRealClockBearsAnAbsurdDelayAndAnAbsurdTimeout(delay: Duration) throws {
        let reactor = try makeReactor()
        var made = 0
        let call = reactor.callLater(delay) { made += 100 }
        reactor.callLater(.milliseconds(2)) { made += 1 }
        #expect(reactor.runOnce(timeout: delay) == 1)
        #expect(made == 1)
        #expect(call.isActive)

        reactor.callLater(.milliseconds(2)) { try reactor.stop() }
        try reactor.runUntilStopped()
        #expect(made == 1)
        #expect(call.isActive)
    }

    @Test(arguments: [-1, -1_000_000_000, Int64.min])
    func aNegativeDelayCountsAsZero(seconds: Int64) throws {
        let clock = VirtualClock(now: ReactorInstant(nanoseconds: 1_000))
        let reactor = try makeReactor(clock: clock)
        var made: [Int] = []
        reactor.callLater(.zero) { made.append(1) }
        let call = reactor.callLater(.seconds(seconds)) { made.append(2) }
        reactor.callLater(.zero) { made.append(3) }
        #expect(call.deadline == clock.now)
        reactor.runOnce()
        #expect(made == [1, 2, 3])
    }

    @Test func theShortestAndTheLongestDurationsThatThereAreDoNotTrap() throws {
        let clock = VirtualClock(now: ReactorInstant(nanoseconds: 1_000))
        let reactor = try makeReactor(clock: clock)
        let call = reactor.callLater(Duration(attoseconds: .min)) {}
        #expect(call.deadline == clock.now)
        try call.reset(to: Duration(attoseconds: .max))
        #expect(call.deadline == .never)
        try call.delay(by: Duration(attoseconds: .max))
        #expect(call.deadline == .never)
        try call.reset(to: Duration(attoseconds: .min))
        #expect(call.deadline == clock.now)
        #expect(reactor.runOnce(timeout: Duration(attoseconds: .min)) == 1)
    }

    /// In a process of its own: it once trapped.
    @Test func theLongestNegativeDurationMovesADeadlineToTheClocksStart() async throws {
        await #expect(processExitsWith: .success) {
            let reactor = try makeReactor(clock: VirtualClock(now: ReactorInstant(nanoseconds: 1_000)))
            let call = reactor.callLater(.seconds(1)) {}
            try call.delay(by: Duration(attoseconds: .min))
            #expect(call.deadline == ReactorInstant(nanoseconds: 0))
        }
    }

    // MARK: Durations in nanoseconds

    /// Done in 128 bits throughout.
    private static func nanoseconds(_ attoseconds: Int128) -> UInt64 {
        guard attoseconds > 0 else { return 0 }
        let (quotient, remainder) = attoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        return UInt64(clamping: quotient + (remainder > 0 ? 1 : 0))
    }

    private static let roundings: [(attoseconds: Int128, nanoseconds: UInt64)] = {
        // Up to here a division of 64 bits is enough: 4,722,366,482,869.65 ns.
        let boundary: Int128 = 1 << 72
        let end: Int128 = (1 << 64) * 1_000_000_000
        return [
            (0, 0), (1, 1), (999_999_999, 1), (1_000_000_000, 1), (1_000_000_001, 2),
            (-1, 0), (-1_000_000_000, 0), (.min, 0),
            (boundary - 1, 4_722_366_482_870), (boundary, 4_722_366_482_870), (boundary + 1, 4_722_366_482_870),
            (4_722_366_482_869_000_000_000, 4_722_366_482_869), (4_722_366_482_869_000_000_001, 4_722_366_482_870),
            (4_722_366_482_870_000_000_000, 4_722_366_482_870), (4_722_366_482_870_000_000_001, 4_722_366_482_871),
            (end - 2_000_000_000, .max - 1), (end - 1_999_999_999, .max), (end, .max), (.max, .max),
        ]
    }()

    @Test(arguments: roundings)
    func aDurationIsRoundedUpToWholeNanoseconds(attoseconds: Int128, nanoseconds: UInt64) {
        #expect(Duration(attoseconds: attoseconds).nanosecondsRoundedUp == nanoseconds)
        #expect(Self.nanoseconds(attoseconds) == nanoseconds)
    }

    @Test func randomDurationsAreRoundedAsIn128Bits() {
        var random = SplitMix64(seed: 2)
        for _ in 0..<100_000 {
            let bits = UInt128(random.next()) << 64 | UInt128(random.next())
            var attoseconds = Int128(truncatingIfNeeded: bits >> UInt128(random.below(128)))
            // Whole nanoseconds, and one more or less, are where a rounding goes wrong.
            if random.once(in: 2) { attoseconds -= attoseconds % 1_000_000_000 }
            if random.once(in: 4) { attoseconds += attoseconds < .max ? 1 : 0 }
            if random.once(in: 4) { attoseconds -= attoseconds > .min ? 1 : 0 }
            let nanoseconds = Duration(attoseconds: attoseconds).nanosecondsRoundedUp
            guard nanoseconds != Self.nanoseconds(attoseconds) else { continue }
            Issue.record("\(attoseconds) as became \(nanoseconds) ns, expected \(Self.nanoseconds(attoseconds))")
            return
        }
    }

    @Test func aPartOfANanosecondIsWaitedForAsAWholeOne() throws {
        let clock = VirtualClock()
        let reactor = try makeReactor(clock: clock)
        let call = reactor.callLater(Duration(attoseconds: 1)) {}
        #expect(call.deadline == ReactorInstant(nanoseconds: 1))
        // Earlier by less than a nanosecond is not earlier by a whole one: that would be early.
        try call.delay(by: Duration(attoseconds: -1))
        #expect(call.deadline == ReactorInstant(nanoseconds: 1))
        try call.delay(by: Duration(attoseconds: 1_000_000_001))
        #expect(call.deadline == ReactorInstant(nanoseconds: 3))
    }

    @Test func instantsAddAndSubtractWhatLiesBetweenThem() {
        let early = ReactorInstant(nanoseconds: 5)
        let late = ReactorInstant(nanoseconds: 12_000_000_007)
        #expect(early.duration(to: late) == .seconds(12) + .nanoseconds(2))
        #expect(late.duration(to: early) == .seconds(-12) + .nanoseconds(-2))
        #expect(early.advanced(by: early.duration(to: late)) == late)
        #expect(late.advanced(by: late.duration(to: early)) == early)
        #expect(early < late)
        #expect(early.advanced(by: .seconds(-1)) == ReactorInstant(nanoseconds: 0))
        #expect(late.advanced(by: .seconds(Int64.max)) == .never)
        let all = Duration(attoseconds: Int128(UInt64.max) * 1_000_000_000)
        #expect(ReactorInstant(nanoseconds: 0).duration(to: .never) == all)
    }
}
