import Testing

@testable import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

@Suite struct DelayedCallsComeInOrder {
    @Test func callsAreMadeInTheOrderOfTheirDeadlines() throws {
        let clock = VirtualClock()
        let reactor = try makeReactor(clock: clock)
        var random = SplitMix64(seed: 7)
        var made: [Duration] = []
        let delays = (0..<500).map { _ in Duration.nanoseconds(Int64(random.below(2_000_000_000))) }
        for delay in delays { reactor.callLater(delay) { made.append(delay) } }

        reactor.pass(through: .seconds(2))
        #expect(made == delays.sorted())
    }

    @Test func callsWithOneDeadlineAreMadeInTheOrderOfAsking() throws {
        let clock = VirtualClock()
        let reactor = try makeReactor(clock: clock)
        var made: [Int] = []
        for number in 0..<300 { reactor.callLater(.seconds(5)) { made.append(number) } }
        clock.advance(by: .seconds(4))
        for number in 300..<600 { reactor.callLater(.seconds(1)) { made.append(number) } }
        clock.advance(by: .seconds(1))
        for number in 600..<900 { reactor.callLater(.zero) { made.append(number) } }

        reactor.runOnce()
        #expect(made == Array(0..<900))
    }

    @Test func aNanosecondIsEnoughToComeEarlier() throws {
        let clock = VirtualClock()
        let reactor = try makeReactor(clock: clock)
        var made: [Int] = []
        for number in (0..<100).reversed() {
            reactor.callLater(.seconds(1) + .nanoseconds(number)) { made.append(number) }
        }
        clock.advance(by: .seconds(1) + .nanoseconds(49))
        reactor.runOnce()
        #expect(made == Array(0..<50))
        reactor.pass(through: .nanoseconds(50))
        #expect(made == Array(0..<100))
    }

    /// On the real clock, where all of them are due before the first pass.
    @Test func callsWithoutDelayAreMadeInTheOrderOfAsking() throws {
        let reactor = try makeReactor()
        var made: [Int] = []
        for number in 0..<1_000 { reactor.callLater(.zero) { made.append(number) } }
        #expect(reactor.runOnce() == 1_000)
        #expect(made == Array(0..<1_000))
    }

    @Test(arguments: [Duration.zero, .nanoseconds(1), .milliseconds(-1), .seconds(-1_000_000_000_000)])
    func whatACallAsksForWithoutDelayWaitsForTheNextPass(delay: Duration) throws {
        let clock = VirtualClock()
        let reactor = try makeReactor(clock: clock)
        var made: [String] = []
        reactor.callLater(delay) {
            made.append("first")
            reactor.callLater(delay) { made.append("third") }
            // So that even a delay of a nanosecond is over in the present pass.
            clock.advance(by: .seconds(1))
        }
        reactor.callLater(delay) { made.append("second") }
        clock.advance(by: .seconds(1))

        #expect(reactor.runOnce() == 2)
        #expect(made == ["first", "second"])
        #expect(reactor.runOnce() == 1)
        #expect(made == ["first", "second", "third"])
    }

    @Test func callsThatAskForAnotherAtOnceDoNotStarveDescriptors() throws {
        let reactor = try makeReactor()
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        try #require(unsafe write(ends[1], "x", 1) == 1)

        var chained = 0
        func again() {
            chained += 1
            reactor.callLater(.zero, again)
        }
        again()
        var chainedWhenRead: Int?
        try reactor.addReader(ends[0]) { chainedWhenRead = chainedWhenRead ?? chained }
        reactor.runOnce()
        #expect(chained == 2)
        #expect(chainedWhenRead == 2)
        for call in reactor.delayedCalls { try call.cancel() }
    }

    @Test func theListingIsInTheOrderOfTheCallsAndWithoutThoseThatAreOver() throws {
        let clock = VirtualClock()
        let reactor = try makeReactor(clock: clock)
        var random = SplitMix64(seed: 3)
        var made: [Int] = []
        var calls: [DelayedCall] = []
        for number in 0..<200 {
            // Many are equal.
            calls.append(reactor.callLater(.seconds(random.below(20))) { made.append(number) })
        }
        for number in stride(from: 0, to: 200, by: 7) { try calls[number].cancel() }
        for number in stride(from: 1, to: 200, by: 7) { try calls[number].reset(to: .seconds(random.below(20))) }
        for number in stride(from: 2, to: 200, by: 7) { try calls[number].delay(by: .seconds(random.below(5) - 2)) }

        clock.advance(by: .seconds(5))
        reactor.runOnce()
        let listed = reactor.delayedCalls
        let deadlines = listed.compactMap(\.deadline)
        #expect(deadlines == deadlines.sorted())
        #expect(deadlines.count == listed.count)
        let numbers = try listed.map { call in try #require(calls.firstIndex(of: call)) }
        #expect(Set(numbers) == Set(calls.indices.filter { calls[$0].isActive }))

        made = []
        reactor.pass(through: .seconds(30))
        #expect(made == numbers)
        #expect(reactor.delayedCalls.isEmpty)
    }

    @Test func aCallThatIsMadeRightNowIsNotListed() throws {
        let reactor = try makeReactor()
        var listed: [Int] = []
        reactor.callLater(.zero) { listed.append(reactor.delayedCalls.count) }
        reactor.callLater(.zero) { listed.append(reactor.delayedCalls.count) }
        reactor.runOnce()
        #expect(listed == [1, 0])
    }

    @Test func reactorsSideBySideKeepTheirCallsApart() throws {
        let reactors = try (0..<3).map { _ in try makeReactor() }
        var made: [Int] = []
        for (number, reactor) in reactors.enumerated() { reactor.callLater(.zero) { made.append(number) } }
        #expect(reactors[1].runOnce() == 1)
        #expect(made == [1])
        #expect(reactors[0].delayedCalls.count == 1)
        #expect(reactors[1].delayedCalls.isEmpty)
        #expect(reactors[2].runOnce() == 1)
        #expect(reactors[0].runOnce() == 1)
        #expect(made == [1, 2, 0])
    }
}
