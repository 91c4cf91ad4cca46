import Testing

@testable import Reactor

/// What a handle says of its call when that is over, however long ago, and whatever has taken its place.
@Suite struct HandlesTellOfCallsThatAreOver {
    /// The slots of calls that are over are used again at once; what a handle says must not depend on that.
    @Test func handlesOfCallsThatAreOverStayTruthfulWhileTenThousandOthersComeAndGo() throws {
        let clock = VirtualClock()
        let reactor = try makeReactor(clock: clock)
        var made: [DelayedCall] = []
        var cancelled: [DelayedCall] = []
        for _ in 0..<10 {
            for _ in 0..<500 { made.append(reactor.callLater(.zero) {}) }
            for _ in 0..<500 { cancelled.append(reactor.callLater(.zero) {}) }
            for call in cancelled.suffix(500) { try call.cancel() }
            reactor.runOnce()
        }
        for call in made { #expect(throws: DelayedCallError.alreadyCalled) { try call.cancel() } }
        for call in cancelled { #expect(throws: DelayedCallError.alreadyCancelled) { try call.cancel() } }
        #expect(Set(made + cancelled).count == 10_000)
    }

    @Test func handlesOutliveTheirReactor() throws {
        var reactor: Reactor? = try makeReactor()
        let made = try #require(reactor?.callLater(.zero) {})
        reactor?.runOnce()
        let pending = try #require(reactor?.callLater(.seconds(60)) {})
        reactor = nil
        #expect(!pending.isActive)
        #expect(throws: DelayedCallError.alreadyCancelled) { try pending.cancel() }
        #expect(throws: DelayedCallError.alreadyCalled) { try made.cancel() }
    }

    // MARK: Three thousand

    /// What became of a call.
    private enum Fate: CaseIterable { case made, cancelled, pending }

    private let calls = 3_000

    /// Calls of which each third was made, cancelled, or is to be made in an hour; their slots have been used for others
    /// since, many times.
    private func callsWithAPast(on reactor: Reactor) throws -> [Fate: [DelayedCall]] {
        var handles: [Fate: [DelayedCall]] = [:]
        for number in 0..<calls {
            let fate = Fate.allCases[number % 3]
            let call = reactor.callLater(fate == .pending ? .seconds(3_600) : .zero) {}
            handles[fate, default: []].append(call)
            if fate == .cancelled { try call.cancel() }
        }
        #expect(reactor.runOnce() == calls / 3)
        for _ in 0..<10 { try useSlots(of: reactor) }
        return handles
    }

    private func useSlots(of reactor: Reactor) throws {
        let others = (0..<calls).map { _ in reactor.callLater(.zero) {} }
        for (number, call) in others.enumerated() where number % 5 < 2 { try call.cancel() }
        #expect(reactor.runOnce() == calls / 5 * 3)
    }

    /// How many calls say of themselves what they should not.
    private func wrong(_ calls: [DelayedCall]?, _ error: DelayedCallError) -> Int {
        (calls ?? []).count { call in
            call.isActive || call.deadline != nil || errors(of: call) != [error, error, error]
        }
    }

    /// What comes of all that can be done with a call.
    private func errors(of call: DelayedCall) -> [DelayedCallError?] {
        [{ try call.cancel() }, { try call.reset(to: .zero) }, { try call.delay(by: .zero) }].map { attempt in
            do {
                try attempt()
                return nil
            } catch {
                return error as? DelayedCallError
            }
        }
    }

    @Test func eachOfThreeThousandTellsWhatBecameOfItsOwnCall() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        let deadline = reactor.now.advanced(by: .seconds(3_600))
        let handles = try callsWithAPast(on: reactor)
        let pending = try #require(handles[.pending])
        #expect(handles.mapValues(\.count) == [.made: 1_000, .cancelled: 1_000, .pending: 1_000])
        #expect(wrong(handles[.made], .alreadyCalled) == 0)
        #expect(wrong(handles[.cancelled], .alreadyCancelled) == 0)
        #expect(pending.count { $0.deadline != deadline } == 0)
        #expect(reactor.delayedCalls == pending)

        // The others are over in the end, too, and change nothing.
        for call in pending.prefix(500) { try call.cancel() }
        reactor.pass(through: .seconds(3_600))
        try useSlots(of: reactor)
        #expect(wrong(Array(pending.prefix(500)), .alreadyCancelled) == 0)
        #expect(wrong(pending.suffix(500), .alreadyCalled) == 0)
        #expect(wrong(handles[.made], .alreadyCalled) == 0)
        #expect(wrong(handles[.cancelled], .alreadyCancelled) == 0)
        #expect(Set(handles.values.joined()).count == calls)
    }

    /// The calls of every other round have the same slots, and the same places in their block of outcomes. A block with a
    /// call that is pending is still open.
    @Test(arguments: [false, true])
    func noneSpeaksOfALaterCallThatHasItsPlace(inBlocksThatStayOpen: Bool) throws {
        let reactor = try makeReactor(clock: VirtualClock())
        var over: [DelayedCall] = []
        for _ in 0..<4 {
            if inBlocksThatStayOpen { reactor.callLater(.seconds(3_600)) {} }
            let count = TimerOutcomes.capacity - (inBlocksThatStayOpen ? 1 : 0)
            let pending = (0..<count).map { _ in reactor.callLater(.zero) {} }
            #expect(wrong(over, .alreadyCalled) == 0)
            #expect(pending.count(where: \.isActive) == count)
            #expect(reactor.runOnce() == count)
            over += pending
        }
    }

    /// What is pending then is cancelled. Another reactor may have the memory that this one has given back.
    @Test func theyTellOfItWhenTheirReactorIsGone() throws {
        var reactor: Reactor? = try makeReactor(clock: VirtualClock())
        let handles = try callsWithAPast(on: #require(reactor))
        weak let gone = reactor
        reactor = nil
        #expect(gone == nil)
        let other = try makeReactor(clock: VirtualClock())
        try useSlots(of: other)
        let active = (0..<calls).map { _ in other.callLater(.seconds(1)) {} }
        #expect(wrong(handles[.made], .alreadyCalled) == 0)
        #expect(wrong(handles[.cancelled], .alreadyCancelled) == 0)
        #expect(wrong(handles[.pending], .alreadyCancelled) == 0)
        #expect(active.count(where: \.isActive) == calls)
        withExtendedLifetime(other) {}
    }
}
