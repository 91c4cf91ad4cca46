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

/// Signals as callbacks. They are the process's, so the tests take turns, and those that could end it have one of
/// their own. SIGINT and SIGTERM are left to the tests of `run()`.
@Suite(.keepsFiles, .serialized) struct WatchingSignals {
    @Test func aSignalCallsItsWatcherInTheNextPass() throws {
        let reactor = try IOTest.reactor()
        var calls = 0
        let watcher = try reactor.addSignalWatcher(SIGUSR1, fileID: "House/Bell.swift", line: 2) { calls += 1 }
        #expect(watcher.signal == SIGUSR1)
        #expect(watcher.isActive)
        #expect(watcher.registeredAt.description == "Bell.swift:2")
        io_raise(SIGUSR1)
        #expect(calls == 0)
        #expect(IOTest.run(reactor) { calls == 1 })
        reactor.runOnce()
        #expect(calls == 1)
    }

    @Test func allTheWatchersOfASignalAreCalledAndOfNoOther() throws {
        let reactor = try IOTest.reactor()
        var calls = [0, 0, 0]
        let first = try reactor.addSignalWatcher(SIGUSR1) { calls[0] += 1 }
        let second = try reactor.addSignalWatcher(SIGUSR1) { calls[1] += 1 }
        let other = try reactor.addSignalWatcher(SIGUSR2) { calls[2] += 1 }
        #expect(reactor.signalWatchers.map(ObjectIdentifier.init) == [first, second, other].map(ObjectIdentifier.init))
        io_raise(SIGUSR1)
        #expect(IOTest.run(reactor) { calls == [1, 1, 0] })
        first.cancel()
        first.cancel()
        #expect(!first.isActive)
        io_raise(SIGUSR1)
        io_raise(SIGUSR2)
        #expect(IOTest.run(reactor) { calls == [1, 2, 1] })
        #expect(reactor.signalWatchers.count == 2)
    }

    @Test func signalsThatComeBetweenTwoPassesAreOneCall() throws {
        let reactor = try IOTest.reactor()
        var calls = 0
        try reactor.addSignalWatcher(SIGUSR1) { calls += 1 }
        for _ in 0..<100 { io_raise(SIGUSR1) }
        #expect(IOTest.run(reactor) { calls > 0 })
        reactor.runOnce()
        #expect(calls == 1)
        io_raise(SIGUSR1)
        #expect(IOTest.run(reactor) { calls == 2 })
    }

    @Test func aWatcherThatIsCancelledByItsNeighbourInTheSamePassIsNotCalled() throws {
        let reactor = try IOTest.reactor()
        var calls = 0
        var watchers: [SignalWatcher] = []
        for index in 0..<2 {
            watchers.append(
                try reactor.addSignalWatcher(SIGUSR1) {
                    calls += 1
                    watchers[1 - index].cancel()
                }
            )
        }
        io_raise(SIGUSR1)
        #expect(IOTest.run(reactor) { calls > 0 })
        reactor.runOnce()
        #expect(calls == 1)
        #expect(reactor.signalWatchers.count == 1)
        watchers = []
    }

    @Test func aWatcherThatCancelsItselfIsReleased() throws {
        let reactor = try IOTest.reactor()
        weak var captured: IOTest.Tracer?
        do {
            let tracer = IOTest.Tracer()
            captured = tracer
            var itself: SignalWatcher?
            itself = try reactor.addSignalWatcher(SIGUSR1) {
                withExtendedLifetime(tracer) {}
                itself?.cancel()
            }
        }
        io_raise(SIGUSR1)
        #expect(IOTest.run(reactor) { reactor.signalWatchers.isEmpty })
        #expect(captured == nil)
    }

    @Test func afterTheLastWatcherTheDispositionThatWasThereComesBack() throws {
        let reactor = try IOTest.reactor()
        defer { io_default_signal(SIGUSR2) }

        io_default_signal(SIGUSR2)
        try reactor.addSignalWatcher(SIGUSR2) {}.cancel()
        #expect(io_disposition(SIGUSR2) == io_is_default)

        io_ignore_signal(SIGUSR2)
        let first = try reactor.addSignalWatcher(SIGUSR2) {}
        let second = try reactor.addSignalWatcher(SIGUSR2) {}
        #expect(io_disposition(SIGUSR2) == io_is_other)
        first.cancel()
        #expect(io_disposition(SIGUSR2) == io_is_other)
        second.cancel()
        #expect(io_disposition(SIGUSR2) == io_is_ignored)

        io_count_signals(SIGUSR2)
        let third = try reactor.addSignalWatcher(SIGUSR2) {}
        io_raise(SIGUSR2)
        #expect(io_signal_count(SIGUSR2) == 0)
        third.cancel()
        #expect(io_disposition(SIGUSR2) == io_is_counted)
        io_raise(SIGUSR2)
        #expect(io_signal_count(SIGUSR2) == 1)
    }

    @Test func aHandlerThatSomebodyElseHasSetMeanwhileStays() throws {
        defer { io_default_signal(SIGUSR2) }
        io_default_signal(SIGUSR2)
        let reactor = try IOTest.reactor()
        let watcher = try reactor.addSignalWatcher(SIGUSR2) {}
        io_count_signals(SIGUSR2)
        watcher.cancel()
        #expect(io_disposition(SIGUSR2) == io_is_counted)
    }

    /// A signal that the thread has blocked would never come to its watcher.
    @Test func aBlockedSignalIsUnblockedAsLongAsItIsWatched() throws {
        let reactor = try IOTest.reactor()
        let wasBlocked = io_block_signal(SIGUSR2, true)
        defer { _ = io_block_signal(SIGUSR2, wasBlocked) }
        let first = try reactor.addSignalWatcher(SIGUSR2) {}
        let second = try reactor.addSignalWatcher(SIGUSR2) {}
        #expect(!io_is_blocked(SIGUSR2))
        first.cancel()
        #expect(!io_is_blocked(SIGUSR2))
        second.cancel()
        #expect(io_is_blocked(SIGUSR2))
    }

    @Test func aReactorThatGoesGivesItsSignalsBack() throws {
        defer { io_default_signal(SIGUSR2) }
        io_count_signals(SIGUSR2)
        var reactor: Reactor? = try IOTest.reactor()
        let watcher = try reactor?.addSignalWatcher(SIGUSR2) {}
        #expect(io_disposition(SIGUSR2) == io_is_other)
        reactor = nil
        #expect(io_disposition(SIGUSR2) == io_is_counted)
        #expect(watcher?.isActive == false)
        watcher?.cancel()
        // And another may have them.
        let next = try IOTest.reactor()
        var calls = 0
        try next.addSignalWatcher(SIGUSR2) { calls += 1 }
        io_raise(SIGUSR2)
        #expect(IOTest.run(next) { calls == 1 })
    }

    @Test(arguments: [Int32.min, -1, 0, 65, 1_000, .max])
    func aNumberThatIsNoSignalIsRefused(_ number: Int32) throws {
        let reactor = try IOTest.reactor()
        #expect(throws: SignalError.outOfRange(number)) { try reactor.addSignalWatcher(number) {} }
        #expect(SignalError.outOfRange(number).description.contains("\(number)"))
        #expect(reactor.signalWatchers.isEmpty)
    }

    @Test(arguments: [SIGKILL, SIGSTOP, 32, 33])
    func aSignalThatCannotBeCaughtIsRefused(_ number: Int32) throws {
        let reactor = try IOTest.reactor()
        #expect(throws: SignalError.cannotBeCaught(number)) { try reactor.addSignalWatcher(number) {} }
        #expect(reactor.signalWatchers.isEmpty)
    }

    /// A handler that returns has the fault happen again: a program that would crash would hang.
    @Test(arguments: [SIGSEGV, SIGBUS, SIGILL, SIGFPE])
    func aSignalThatTellsOfAFaultIsRefused(_ number: Int32) throws {
        let reactor = try IOTest.reactor()
        #expect(throws: SignalError.tellsOfAFault(number)) { try reactor.addSignalWatcher(number) {} }
    }

    @Test func theLastRealTimeSignalCanBeWatched() throws {
        let reactor = try IOTest.reactor()
        var calls = 0
        try reactor.addSignalWatcher(64) { calls += 1 }
        io_raise(64)
        #expect(IOTest.run(reactor) { calls == 1 })
    }

    @Test func aSignalIsForOneReactorAtATime() throws {
        let first = try IOTest.reactor()
        let second = try IOTest.reactor()
        let watcher = try first.addSignalWatcher(SIGUSR1) {}
        #expect(throws: SignalError.watchedByAnotherReactor(SIGUSR1)) { try second.addSignalWatcher(SIGUSR1) {} }
        #expect(second.signalWatchers.isEmpty)
        watcher.cancel()
        var calls = 0
        try second.addSignalWatcher(SIGUSR1) { calls += 1 }
        io_raise(SIGUSR1)
        #expect(IOTest.run(second) { calls == 1 })
        #expect(throws: SignalError.watchedByAnotherReactor(SIGUSR1)) { try first.addSignalWatcher(SIGUSR1) {} }
    }

    @Test func aThrowingSignalWatcherIsReportedAndStays() throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        var calls = 0
        let watcher = try reactor.addSignalWatcher(SIGUSR1) {
            calls += 1
            throw IOTest.Failure("bell")
        }
        for round in 1...2 {
            io_raise(SIGUSR1)
            #expect(IOTest.run(reactor) { calls == round })
        }
        #expect(watcher.isActive)
        #expect(failures.all.map(\.kind) == [.signalWatcher(signal: SIGUSR1), .signalWatcher(signal: SIGUSR1)])
        #expect(failures.all.map(\.consequence) == [.none, .none])
    }

    @Test func aSignalWakesASleepingReactorWhicheverThreadItReaches() throws {
        let reactor = try IOTest.reactor()
        var calls = 0
        try reactor.addSignalWatcher(SIGUSR1) { calls += 1 }
        let isOver = IOTest.Flag()
        let mayBeHit = IOTest.Flag()
        // The signal is delivered to this thread, which is not the reactor's.
        let bystander = IOTest.Thread {
            mayBeHit.raise()
            isOver.wait()
        }
        mayBeHit.wait()
        let target = IOTest.Smuggled(bystander)
        let sender = IOTest.Thread { target.value.send(signal: SIGUSR1) }
        #expect(reactor.runOnce(timeout: IOTest.patience) == 1)
        #expect(calls == 1)
        isOver.raise()
        sender.join()
        bystander.join()
    }

    @Test func aSignalEndsTheSleepOfTheReactorsOwnThread() throws {
        let calls = IOTest.Counter()
        let isReady = IOTest.Flag()
        let owner = IOTest.Thread {
            guard let reactor = try? IOTest.reactor() else { return }
            _ = try? reactor.addSignalWatcher(SIGHUP) { calls.increment() }
            isReady.raise()
            reactor.runOnce(timeout: IOTest.patience)
        }
        isReady.wait()
        owner.send(signal: SIGHUP)
        owner.join()
        #expect(calls.value == 1)
    }

    /// The sender counts what it sends; the reactor must have been called after the last.
    @Test func inAStormOfSignalsAndThreadCallsNeitherIsLost() throws {
        let reactor = try IOTest.reactor()
        let sent = IOTest.Counter()
        var seen = 0
        var calls = 0
        try reactor.addSignalWatcher(SIGUSR1) {
            calls += 1
            seen = sent.value
        }
        let handle = reactor.handle
        let served = IOTest.Counter()
        let count = 5_000
        let sender = IOTest.Thread {
            for _ in 0..<count {
                sent.increment()
                io_raise(SIGUSR1)
                handle.callFromThread { served.increment() }
            }
        }
        #expect(IOTest.run(reactor) { seen == count && served.value == count })
        sender.join()
        #expect(calls <= count)
    }

    @Test func aSignalThatCameBeforeItsWatcherIsNotDeliveredToIt() throws {
        let reactor = try IOTest.reactor()
        var calls = 0
        let first = try reactor.addSignalWatcher(SIGUSR1) {}
        io_raise(SIGUSR1)
        first.cancel()
        reactor.runOnce()
        try reactor.addSignalWatcher(SIGUSR1) { Issue.record("called for a signal of long ago") }
        try reactor.addSignalWatcher(SIGUSR2) { calls += 1 }
        io_raise(SIGUSR2)
        #expect(IOTest.run(reactor) { calls == 1 })
    }

    @Test func aSignalWatcherThatWaitsInAPassDoesNotSleepWhileAnotherIsPending() throws {
        let reactor = try IOTest.reactor()
        var calls = 0
        for _ in 0..<2 {
            try reactor.addSignalWatcher(SIGUSR1) { [unowned reactor] in
                calls += 1
                guard calls == 1 else { return }
                let before = reactor.now
                reactor.runOnce(timeout: IOTest.patience)
                #expect(before.duration(to: reactor.now) < IOTest.longSleep)
                #expect(calls == 2)
            }
        }
        io_raise(SIGUSR1)
        // Not with a shorter timeout, whose alarm would end the sleep inside.
        reactor.runOnce(timeout: IOTest.patience)
        #expect(calls == 2)
        for watcher in reactor.signalWatchers { watcher.cancel() }
    }

}
