import CTestSupport
import Testing

@testable import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// `callFromThread`: every call is made, in order, on the reactor's thread.
@Suite(.keepsFiles) struct CallsFromThreads {
    @Test func aCallRunsInTheNextPassWithTheReactor() throws {
        let reactor = try IOTest.reactor()
        let expected = IOTest.Smuggled(ObjectIdentifier(reactor))
        let count = IOTest.Counter()
        let isKept = reactor.handle.callFromThread { (got: Reactor) in
            if ObjectIdentifier(got) == expected.value { count.increment() }
        }
        #expect(isKept)
        #expect(reactor.handle.callFromThread { count.increment() })
        #expect(count.value == 0)
        #expect(reactor.runOnce() == 2)
        #expect(count.value == 2)
        #expect(reactor.runOnce() == 0)
    }

    @Test func ofFourHundredThousandCallsFromEightThreadsNoneIsLostAndEachThreadsAreInOrder() throws {
        let reactor = try IOTest.reactor()
        let threadCount = 8
        let callCount = 50_000
        let received = IOTest.Smuggled(Received(threads: threadCount))
        let handle = reactor.handle
        let threads = (0..<threadCount).map { thread in
            IOTest.Thread {
                for number in 0..<callCount {
                    handle.callFromThread { received.value.receive(number, from: thread) }
                }
                handle.callFromThread { reactor in
                    received.value.finished += 1
                    if received.value.finished == threadCount { try reactor.stop() }
                }
            }
        }
        stopWhenHopeless(reactor)
        try reactor.run(installSignalHandlers: false)
        for thread in threads { thread.join() }
        #expect(received.value.next == [Int](repeating: callCount, count: threadCount))
        #expect(received.value.outOfOrder == 0)
        #expect(reactor.runOnce() == 0)
    }

    @Test func aCallRunsOnTheReactorsThread() throws {
        let reactor = try IOTest.reactor()
        let owner = IOTest.Smuggled(reactor.owner)
        let isOwner = IOTest.Flag()
        let handle = reactor.handle
        let thread = IOTest.Thread {
            handle.callFromThread { if owner.value.isCurrent { isOwner.raise() } }
        }
        thread.join()
        reactor.runOnce()
        #expect(isOwner.value)
    }

    @Test func aPassTakesAtMostTheCallsThatWereThereWhenItBegan() throws {
        let reactor = try IOTest.reactor()
        let log = IOTest.Smuggled(IOTest.Log())
        let handle = reactor.handle
        handle.callFromThread {
            log.value.add("first")
            handle.callFromThread {
                log.value.add("asked for by the first")
                handle.callFromThread { log.value.add("asked for by that") }
            }
        }
        handle.callFromThread { log.value.add("second") }
        #expect(reactor.runOnce() == 2)
        #expect(log.value.entries == ["first", "second"])
        #expect(reactor.runOnce() == 1)
        #expect(log.value.entries.last == "asked for by the first")
        #expect(reactor.runOnce() == 1)
        #expect(log.value.entries.last == "asked for by that")
        #expect(reactor.runOnce() == 0)
    }

    @Test func aCallThatAsksForAnotherForEverDoesNotStarveTheRest() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        var calls = 0
        try reactor.addReader(pipe.reader.number) { [unowned reactor] in
            calls += 1
            if calls == 3 { try reactor.stop() }
        }
        let handle = reactor.handle
        @Sendable func again() { handle.callFromThread { again() } }
        again()
        try reactor.run(installSignalHandlers: false)
        #expect(calls == 3)
    }

    /// The nested pass makes those of the outer one first.
    @Test func aCallThatMakesAPassLeavesTheOrderOfTheOthers() throws {
        let reactor = try IOTest.reactor()
        let log = IOTest.Smuggled(IOTest.Log())
        let handle = reactor.handle
        handle.callFromThread { reactor in
            log.value.add("1")
            handle.callFromThread { log.value.add("3") }
            reactor.runOnce()
            reactor.runOnce()
        }
        handle.callFromThread { log.value.add("2") }
        for _ in 0..<3 { reactor.runOnce() }
        #expect(log.value.entries == ["1", "2", "3"])
    }

    /// Each asks for another, behind those that a chunk of the queue has no more room for.
    @Test func callsThatAskForCallsGoOnInOrderOverManyChunks() throws {
        let reactor = try IOTest.reactor()
        let received = IOTest.Smuggled(Received(threads: 2))
        let handle = reactor.handle
        let count = 1_000
        for number in 0..<count {
            handle.callFromThread {
                received.value.receive(number, from: 0)
                handle.callFromThread { received.value.receive(number, from: 1) }
            }
        }
        #expect(reactor.runOnce() == count)
        #expect(received.value.next == [count, 0])
        #expect(reactor.runOnce() == count)
        #expect(received.value.next == [count, count])
        #expect(received.value.outOfOrder == 0)
    }

    /// A nested pass makes what the outer one has left, and then what has come meanwhile.
    @Test func nestedPassesGoOnInOrderOverManyChunks() throws {
        let reactor = try IOTest.reactor()
        let received = IOTest.Smuggled(Received(threads: 1))
        let handle = reactor.handle
        let count = 1_000
        for number in 0..<count {
            handle.callFromThread { reactor in
                received.value.receive(number, from: 0)
                handle.callFromThread { received.value.receive(count + number, from: 0) }
                if number == 300 { reactor.runOnce() }
            }
        }
        while reactor.runOnce() > 0 {}
        #expect(received.value.next == [2 * count])
        #expect(received.value.outOfOrder == 0)
    }

    @Test func aCallThatWaitsInAPassDoesNotSleepWhileOthersAreToBeMade() throws {
        let reactor = try IOTest.reactor()
        let log = IOTest.Smuggled(IOTest.Log())
        reactor.handle.callFromThread { reactor in
            let before = reactor.now
            reactor.runOnce(timeout: IOTest.patience)
            log.value.add(before.duration(to: reactor.now) < IOTest.longSleep ? "awake" : "asleep")
        }
        reactor.handle.callFromThread { log.value.add("second") }
        reactor.runOnce()
        reactor.runOnce()
        #expect(log.value.entries == ["second", "awake"])
    }

    @Test func aCallWakesASleepingReactor() throws {
        let reactor = try IOTest.reactor()
        let handle = reactor.handle
        let called = IOTest.Flag()
        let thread = IOTest.Thread { handle.callFromThread { called.raise() } }
        #expect(reactor.runOnce(timeout: IOTest.patience) == 1)
        #expect(called.value)
        thread.join()
    }

    @Test func callsThatWereMadeBeforeRunAreKept() throws {
        let reactor = try IOTest.reactor()
        let log = IOTest.Smuggled(IOTest.Log())
        let handle = reactor.handle
        let thread = IOTest.Thread {
            for number in 0..<100 { handle.callFromThread { log.value.add("\(number)") } }
        }
        thread.join()
        handle.stop()
        try reactor.run(installSignalHandlers: false)
        #expect(log.value.entries == (0..<100).map(String.init))
    }

    @Test func aThreadStopsARunningReactor() throws {
        let reactor = try IOTest.reactor()
        let handle = reactor.handle
        let hasStarted = IOTest.Flag()
        reactor.callWhenRunning { hasStarted.raise() }
        let thread = IOTest.Thread {
            hasStarted.wait()
            handle.stop()
        }
        try reactor.run(installSignalHandlers: false)
        #expect(!reactor.isRunning)
        thread.join()
    }

    @Test func aStopThatComesBeforeRunEndsTheNextRun() throws {
        let reactor = try IOTest.reactor()
        reactor.handle.stop()
        try reactor.run(installSignalHandlers: false)
        #expect(!reactor.isRunning)
    }

    @Test func stopsThatComeTogetherAreOneStopAndNoFailure() throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        for _ in 0..<3 { reactor.handle.stop() }
        try reactor.run(installSignalHandlers: false)
        for _ in 0..<3 { reactor.handle.stop() }
        reactor.runOnce()
        #expect(failures.all.isEmpty)
    }

    @Test func aCallThatThrowsIsReportedWithItsSiteAndTheRestAreMade() throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let called = IOTest.Flag()
        reactor.handle.callFromThread(fileID: "House/Stairs.swift", line: 9) { throw IOTest.Failure("fell") }
        reactor.handle.callFromThread { called.raise() }
        reactor.runOnce()
        #expect(called.value)
        #expect(failures.all.count == 1)
        #expect(failures.all.first?.kind == .callFromThread)
        #expect(failures.all.first?.registeredAt.description == "Stairs.swift:9")
        #expect(failures.all.first?.error as? IOTest.Failure == IOTest.Failure("fell"))
        #expect(failures.all.first?.consequence == CallbackFailure.Consequence.none)
    }

    @Test func manyReactorsOnManyThreadsDoNotDisturbEachOther() throws {
        let completed = IOTest.Counter()
        let threads = (0..<8).map { _ in
            IOTest.Thread {
                for _ in 0..<10 {
                    guard let reactor = try? IOTest.reactor(), let pipe = try? IOTest.Pipe() else { return }
                    var bytes = 0
                    _ = try? reactor.addReader(pipe.reader.number) { [unowned reactor] in
                        bytes += pipe.reader.drain()
                        if bytes == 100 { try reactor.stop() }
                    }
                    let handle = reactor.handle
                    let writer = pipe.writer.number
                    let helper = IOTest.Thread {
                        for _ in 0..<100 { handle.callFromThread { _ = io_write(writer, 1) } }
                    }
                    _ = try? reactor.run(installSignalHandlers: false)
                    helper.join()
                    reactor.removeAll()
                    if bytes == 100 { completed.increment() }
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(completed.value == 80)
    }

    /// Each wake-up must come through: one that is lost stops the game for good.
    @Test func noWakeUpIsLostInTwentyThousandRoundsOfPingPong() throws {
        let reactor = try IOTest.reactor()
        let handle = reactor.handle
        let rounds = 20_000
        let served = IOTest.Counter()
        let isOver = IOTest.Flag()
        let thread = IOTest.Thread {
            for round in 1...rounds {
                handle.callFromThread { served.increment() }
                while served.value != round, !isOver.value { sched_yield() }
            }
            handle.stop()
        }
        stopWhenHopeless(reactor)
        try reactor.run(installSignalHandlers: false)
        isOver.raise()
        thread.join()
        #expect(served.value == rounds)
    }

    /// The threads call while the reactor is awake, so that their wake-ups merge with one that is under way.
    @Test func noWakeUpIsLostWhereTheyMerge() throws {
        let reactor = try IOTest.reactor()
        let handle = reactor.handle
        let calls = 20_000
        let count = IOTest.Counter()
        let finished = IOTest.Counter()
        let threads = (0..<2).map { _ in
            IOTest.Thread {
                for number in 0..<calls {
                    handle.callFromThread { count.increment() }
                    if number % 16 == 0 { sched_yield() }
                }
                finished.increment()
                if finished.value == 2 { handle.stop() }
            }
        }
        stopWhenHopeless(reactor)
        try reactor.run(installSignalHandlers: false)
        for thread in threads { thread.join() }
        reactor.runOnce()
        #expect(count.value == 2 * calls)
    }

    /// A coalesced wake-up is one wake-up: the reactor is not woken once for each call.
    @Test func aThousandCallsIntoASleepAreFarFewerWakeUps() throws {
        let reactor = try IOTest.reactor()
        let count = IOTest.Counter()
        for _ in 0..<1_000 { reactor.handle.callFromThread { count.increment() } }
        let before = IOTest.polls(of: reactor)
        #expect(reactor.runOnce(timeout: IOTest.patience) == 1_000)
        #expect(IOTest.polls(of: reactor) - before == 1)
        #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
    }

    /// So that a call that is lost fails the test instead of hanging it. It comes late enough to wake nobody in time.
    private func stopWhenHopeless(_ reactor: Reactor) {
        reactor.callLater(.seconds(800)) { [unowned reactor] in
            Issue.record("calls or wake-ups were lost")
            try reactor.stop()
        }
    }

    /// What the threads' calls bring; used on the reactor's thread only.
    private final class Received {
        var next: [Int]
        var outOfOrder = 0
        var finished = 0

        init(threads: Int) { next = [Int](repeating: 0, count: threads) }

        func receive(_ number: Int, from thread: Int) {
            if next[thread] != number { outOfOrder += 1 }
            next[thread] += 1
        }
    }
}
