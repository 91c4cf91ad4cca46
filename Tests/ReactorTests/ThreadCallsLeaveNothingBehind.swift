import Testing

@testable import Reactor

/// What calls from threads hold is released, whether they are made, refused or left when the reactor goes.
@Suite(.keepsFiles) struct ThreadCallsLeaveNothingBehind {
    @Test func aHandleKeepsNoReactorAlive() throws {
        var reactor: Reactor? = try IOTest.reactor()
        weak let gone = reactor
        let handle = try #require(reactor?.handle)
        reactor = nil
        #expect(gone == nil)
        _ = handle
    }

    @Test func whenTheReactorIsGoneACallIsRefusedAndReleased() throws {
        var reactor: Reactor? = try IOTest.reactor()
        let handle = try #require(reactor?.handle)
        reactor = nil
        weak var captured: Held?
        do {
            let held = Held()
            captured = held
            #expect(!handle.callFromThread { held.touch() })
        }
        #expect(captured == nil)
        handle.stop()
    }

    /// Not with the lock held, where it would wait for itself.
    @Test func whatACallHoldsMayCallAsItIsReleased() throws {
        var reactor: Reactor? = try IOTest.reactor()
        let handle = try #require(reactor?.handle)
        let refused = IOTest.Counter()
        func hold() -> Held { Held { if !handle.callFromThread({ () in }) { refused.increment() } } }
        func call() -> Bool {
            let held = hold()
            return handle.callFromThread { held.touch() }
        }
        #expect(call())
        reactor = nil
        #expect(refused.value == 1)
        #expect(!call())
        #expect(refused.value == 2)
    }

    @Test func callsThatWereWaitingWhenTheReactorWentAreReleased() throws {
        var reactor: Reactor? = try IOTest.reactor()
        let handle = try #require(reactor?.handle)
        weak var captured: Held?
        do {
            let held = Held()
            captured = held
            #expect(handle.callFromThread { held.touch() })
        }
        #expect(captured != nil)
        reactor = nil
        #expect(captured == nil)
        withExtendedLifetime(handle) {}
    }

    @Test func callsThatWereMadeAreReleased() throws {
        let reactor = try IOTest.reactor()
        weak var captured: Held?
        do {
            let held = Held()
            captured = held
            reactor.handle.callFromThread { held.touch() }
        }
        reactor.runOnce()
        #expect(captured == nil)
    }

    @Test func aReactorMayGoWhileThreadsCallIt() throws {
        for _ in 0..<50 {
            var reactor: Reactor? = try IOTest.reactor()
            let handle = try #require(reactor?.handle)
            let hasBegun = IOTest.Flag()
            let threads = (0..<3).map { _ in
                IOTest.Thread {
                    while handle.callFromThread({ () in }) { hasBegun.raise() }
                }
            }
            hasBegun.wait()
            reactor?.runOnce()
            reactor = nil
            for thread in threads { thread.join() }
        }
    }

    private final class Held: Sendable {
        private let released: @Sendable () -> Void

        init(released: @escaping @Sendable () -> Void = {}) { self.released = released }

        deinit { released() }

        func touch() {}
    }
}
