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
}
