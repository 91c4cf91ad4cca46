import Dispatch
import Testing

@testable import Reactor

/// A stop through a handle, and which run it ends.
@Suite struct StopsFromThreads {
    @Test(.timeLimit(.minutes(15)))
    func aStopFromAThreadEndsTheSleep() throws {
        let reactor = try makeReactor()
        let handle = reactor.handle
        reactor.callLater(.seconds(3_600)) { Issue.record("an hour went by") }
        for _ in 0..<20 {
            reactor.callWhenRunning { DispatchQueue(label: "another thread").async { handle.stop() } }
            try reactor.runUntilStopped()
        }
    }

    @Test(.timeLimit(.minutes(15)))
    func aStopFromAThreadBeforeTheRunEndsIt() throws {
        let reactor = try makeReactor()
        reactor.handle.stop()
        try reactor.runUntilStopped()
        // And no other.
        var made = 0
        reactor.callLater(.milliseconds(1)) {
            made += 1
            try reactor.stop()
        }
        try reactor.runUntilStopped()
        #expect(made == 1)
    }

    @Test func aStopFromAThreadEndsTheNextRunAlsoWhereSinglePassesComeBefore() throws {
        let reactor = try IOTest.reactor()
        reactor.handle.stop()
        reactor.runOnce()
        reactor.callLater(IOTest.longSleep) {
            Issue.record("the run went on")
            try reactor.stop()
        }
        #expect(try reactor.run() == .stopped)
        // That one alone.
        var calls = 0
        reactor.callLater(.zero) {
            calls += 1
            try reactor.stop()
        }
        try reactor.run()
        #expect(calls == 1)
    }

    /// The first one has ended it; this one, too, was meant for the run that is ending.
    @Test(.timeLimit(.minutes(15)))
    func aStopFromAThreadWhileARunEndsDoesNotEndTheNextOne() throws {
        let reactor = try IOTest.reactor()
        let trigger = reactor.addSystemEventTrigger(.before, .shutdown) { reactor.handle.stop() }
        reactor.handle.stop()
        try reactor.run()
        trigger.cancel()
        var calls = 0
        reactor.callLater(.milliseconds(1)) {
            calls += 1
            try reactor.stop()
        }
        try reactor.run()
        #expect(calls == 1)
        // One that is asked for between two runs is for the second, whatever came before.
        reactor.handle.stop()
        reactor.callLater(IOTest.longSleep) {
            Issue.record("the run went on")
            try reactor.stop()
        }
        try reactor.run()
    }
}
