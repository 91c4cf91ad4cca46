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

/// A reactor that a foreign loop drives, which knows nothing of it but one descriptor.
@Suite(.keepsFiles) struct InsideAnotherLoop {
    static let canBeHosted = IOTest.backend == .epoll

    /// poll(2) and `dispatch()`, and nothing else.
    struct Host {
        let reactor: Reactor
        let descriptor: Int32

        init(_ reactor: Reactor) throws {
            self.reactor = reactor
            descriptor = try reactor.pollDescriptor
        }

        func hasSomethingToDo(within milliseconds: Int32 = 0) -> Bool {
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            return unsafe poll(&request, 1, milliseconds) > 0
        }

        /// Makes passes until nothing is to be done any more, which must not take many.
        @discardableResult
        func settle() -> Int {
            var called = 0
            for _ in 0..<5 where hasSomethingToDo() { called += reactor.dispatch() }
            #expect(!hasSomethingToDo(), "it spins")
            return called
        }

        /// Waits for the descriptor and makes a pass, as often as it takes; false if nothing comes for a long time.
        func run(until isDone: () -> Bool) -> Bool {
            while !isDone() {
                guard hasSomethingToDo(within: 300_000) else { return false }
                reactor.dispatch()
            }
            return true
        }
    }

    @Test(.enabled(if: !InsideAnotherLoop.canBeHosted))
    func aBackendWithoutADescriptorSaysWhichHaveOne() throws {
        let reactor = try IOTest.reactor()
        let error = try #require(throws: ReactorError.noPollDescriptor(reactor.backend)) { try reactor.pollDescriptor }
        #expect(error.description.contains("epoll"))
        #expect(error.description.contains(reactor.backend.rawValue))
    }

    @Test func withoutADescriptorAHostGoesByTheNextDeadline() throws {
        let reactor = try IOTest.reactor()
        #expect(reactor.nextDeadline == nil)
        var calls: [String] = []
        let later = reactor.callLater(.seconds(1_000)) { calls.append("later") }
        let soon = reactor.callLater(.milliseconds(1)) { calls.append("soon") }
        #expect(reactor.nextDeadline == soon.deadline)
        while try reactor.now < #require(reactor.nextDeadline) {}
        #expect(reactor.dispatch() == 1)
        #expect(calls == ["soon"])
        #expect(reactor.nextDeadline == later.deadline)
        try later.cancel()
        #expect(reactor.nextDeadline == nil)
    }

    @Suite(.enabled(if: InsideAnotherLoop.canBeHosted), .keepsFiles) struct ThroughItsDescriptor {
        @Test func itIsQuietWhileThereIsNothingToDo() throws {
            let reactor = try IOTest.reactor()
            let pipe = try IOTest.Pipe()
            try reactor.addReader(pipe.reader.number) {}
            reactor.callLater(.seconds(1_000)) {}
            let host = try Host(reactor)
            host.settle()
            #expect(!host.hasSomethingToDo(within: 50))
        }

        @Test func itIsTheSameEachTime() throws {
            let reactor = try IOTest.reactor()
            #expect(try reactor.pollDescriptor == reactor.pollDescriptor)
        }

        @Test func aReadyDescriptorShowsUntilItIsRead() throws {
            let reactor = try IOTest.reactor()
            let host = try Host(reactor)
            let pipe = try IOTest.Pipe()
            var calls = 0
            try reactor.addReader(pipe.reader.number) {
                calls += 1
                if calls == 3 { pipe.reader.drain() }
            }
            host.settle()
            #expect(calls == 0)
            pipe.writer.write()
            host.settle()
            #expect(calls == 3)
        }

        @Test(.timeLimit(.minutes(15)))
        func aDeadlineShowsWhenItHasCome() throws {
            let reactor = try IOTest.reactor()
            let host = try Host(reactor)
            var calls: [Int] = []
            var deadlines: [Int: ReactorInstant] = [:]
            for number in [3, 1, 2] {
                deadlines[number] = reactor.callLater(.milliseconds(number)) { calls.append(number) }.deadline
            }
            #expect(host.run { calls.count == 3 })
            // Not 1, 2, 3 where the thread had to wait for its turn between two of them.
            let inOrder = try [3, 1, 2].sorted { try #require(deadlines[$0]) < #require(deadlines[$1]) }
            #expect(calls == inOrder)
            host.settle()
        }

        @Test(.timeLimit(.minutes(15)))
        func anEarlierCallShowsBeforeALaterOneThatTheHostSleepsFor() throws {
            let reactor = try IOTest.reactor()
            let host = try Host(reactor)
            reactor.callLater(.seconds(1_000)) {}
            let moved = reactor.callLater(.seconds(1_000)) {}
            host.settle()
            var isCalled = false
            reactor.callLater(.milliseconds(1)) { isCalled = true }
            #expect(host.run { isCalled })
            host.settle()
            try moved.reset(to: .milliseconds(1))
            #expect(host.run { !moved.isActive })
        }

        @Test func aCallThatIsAskedForInACallbackShows() throws {
            let reactor = try IOTest.reactor()
            let host = try Host(reactor)
            var calls = 0
            func call() {
                calls += 1
                if calls < 4 { reactor.callLater(.zero, call) }
            }
            reactor.callLater(.zero, call)
            host.settle()
            #expect(calls == 4)
        }

        @Test(.timeLimit(.minutes(15)))
        func aCallFromAThreadShows() throws {
            let reactor = try IOTest.reactor()
            let host = try Host(reactor)
            host.settle()
            let handle = reactor.handle
            let calls = IOTest.Counter()
            let thread = IOTest.Thread {
                for _ in 0..<1_000 { handle.callFromThread { calls.increment() } }
            }
            #expect(host.run { calls.value == 1_000 })
            thread.join()
            host.settle()
            handle.callFromThread { calls.increment() }
            host.settle()
            #expect(calls.value == 1_001)
        }

        @Test func callsWhenRunningAreMade() throws {
            let reactor = try IOTest.reactor()
            var calls: [String] = []
            reactor.callWhenRunning { calls.append("before") }
            let host = try Host(reactor)
            host.settle()
            reactor.callWhenRunning {
                calls.append("later")
                reactor.callWhenRunning { calls.append("inside") }
            }
            host.settle()
            #expect(calls == ["before", "later", "inside"])
        }

        @Test func aWatcherThatIsChangedInACallbackShows() throws {
            let reactor = try IOTest.reactor()
            let host = try Host(reactor)
            let pipe = try IOTest.Pipe()
            let other = try IOTest.Pipe()
            other.writer.write()
            var calls = 0
            try reactor.addReader(pipe.reader.number) { readiness in
                pipe.reader.drain()
                readiness.watcher.cancel()
                try reactor.addReader(other.reader.number) { readiness in
                    calls += 1
                    readiness.watcher.pause()
                }
            }
            pipe.writer.write()
            host.settle()
            #expect(calls == 1)
        }

        @Test func whatIsCancelledDoesNotShow() throws {
            let reactor = try IOTest.reactor()
            let host = try Host(reactor)
            let pipe = try IOTest.Pipe()
            pipe.writer.write()
            try reactor.addReader(pipe.reader.number) { Issue.record("called") }.cancel()
            try reactor.callLater(.milliseconds(1)) { Issue.record("called") }.cancel()
            host.settle()
            #expect(!host.hasSomethingToDo(within: 50))
        }

        @Test func runAndRunOnceGoOnToWork() throws {
            let reactor = try IOTest.reactor()
            let host = try Host(reactor)
            var calls = 0
            reactor.callLater(.zero) { calls += 1 }
            reactor.runOnce()
            reactor.callLater(.milliseconds(1)) {
                calls += 1
                try reactor.stop()
            }
            try reactor.run(installSignalHandlers: false)
            #expect(calls == 2)
            host.settle()
            reactor.callLater(.zero) { calls += 1 }
            host.settle()
            #expect(calls == 3)
        }

        @Test func aHostedReactorMayBeDropped() throws {
            final class Resetter {
                let call: DelayedCall
                init(_ call: DelayedCall) { self.call = call }
                deinit { try? call.reset(to: .seconds(5)) }
            }
            var reactor: Reactor? = try IOTest.reactor()
            weak let gone = reactor
            _ = try reactor?.pollDescriptor
            let pipe = try IOTest.Pipe()
            // Cancelling one of two changes what the descriptor is watched for.
            for _ in 0..<2 { try reactor?.addReader(pipe.reader.number) {} }
            if let other = reactor?.callLater(.seconds(1_000), {}) {
                reactor?.callLater(.seconds(1_000)) { [resetter = Resetter(other)] in _ = resetter }
            }
            reactor = nil
            #expect(gone == nil)
        }

        /// epoll does not take it, so it is not in the set that the host watches.
        @Test(.timeLimit(.minutes(15)))
        func aRegularFileShowsAsLongAsItIsWatched() throws {
            let reactor = try IOTest.reactor()
            let host = try Host(reactor)
            let file = try IOTest.File(io_temporary_file())
            var calls = 0
            let watcher = try reactor.addReader(file.number) { readiness in
                calls += 1
                if calls % 10 == 0 { readiness.watcher.pause() }
            }
            #expect(host.run { calls == 10 })
            host.settle()
            try watcher.resume()
            #expect(host.run { calls == 20 })
            host.settle()
        }

        @Test func underAVirtualClockItIsQuietUntilThatIsMovedOn() throws {
            let clock = VirtualClock()
            let reactor = try Reactor(backend: IOTest.backend, clock: clock)
            let host = try Host(reactor)
            var calls = 0
            reactor.callLater(.seconds(5)) { calls += 1 }
            host.settle()
            #expect(calls == 0)
            clock.advance(by: .seconds(5))
            reactor.dispatch()
            #expect(calls == 1)
            host.settle()
        }

        @Test func aReactorMayHostAnother() throws {
            let outer = try IOTest.reactor()
            let inner = try IOTest.reactor()
            let pipe = try IOTest.Pipe()
            var passes = 0
            var calls: [String] = []
            let threadCalls = IOTest.Counter()
            try outer.addReader(inner.pollDescriptor) {
                passes += 1
                inner.dispatch()
            }
            try inner.addReader(pipe.reader.number) {
                pipe.reader.drain()
                calls.append("pipe")
                inner.callLater(.milliseconds(2)) { calls.append("timer") }
            }
            inner.handle.callFromThread { threadCalls.increment() }
            outer.callLater(.milliseconds(1)) { pipe.writer.write() }
            #expect(IOTest.run(outer) { calls.count == 2 })
            #expect(calls == ["pipe", "timer"])
            #expect(threadCalls.value == 1)
            outer.runOnce()
            passes = 0
            outer.runOnce(timeout: .milliseconds(30))
            #expect(passes == 0, "it spins")
        }

        /// libev makes another epoll set then, under whatever number.
        @Test func itGoesOnToShowWhenLibevHasReplacedItsSet() throws {
            let reactor = try IOTest.reactor()
            reactor.onFailure = { _ in }
            let host = try Host(reactor)
            let pipe = try IOTest.Pipe()
            var calls = 0
            try reactor.addReader(pipe.reader.number) {
                calls += 1
                pipe.reader.drain()
            }
            host.settle()
            for round in 1...3 {
                reactor.loop.rebuild()
                reactor.callLater(.zero) {}
                host.settle()
                pipe.writer.write()
                host.settle()
                #expect(calls == round)
            }
        }

        @Test func aSignalShows() async {
            await #expect(processExitsWith: .success) { try ThroughItsDescriptor.aSignalShows(IOTest.OwnProcess()) }
        }

        private static func aSignalShows(_ process: IOTest.OwnProcess) throws {
            let reactor = try IOTest.reactor()
            let host = try Host(reactor)
            var calls = 0
            try reactor.addSignalWatcher(SIGUSR1) { calls += 1 }
            host.settle()
            io_raise(SIGUSR1)
            #expect(host.hasSomethingToDo())
            reactor.dispatch()
            #expect(calls == 1)
            #expect(!host.hasSomethingToDo(), "a pass for nothing")
        }

        @Test func aChildThatKeepsTheOldSetDoesNotMakeTheHostSpin() async {
            await #expect(processExitsWith: .success) {
                try ThroughItsDescriptor.aChildThatKeepsTheOldSetDoesNotMakeTheHostSpin(IOTest.OwnProcess())
            }
        }

        private static func aChildThatKeepsTheOldSetDoesNotMakeTheHostSpin(_ process: IOTest.OwnProcess) throws {
            let reactor = try IOTest.reactor()
            let host = try Host(reactor)
            let pipe = try IOTest.Pipe()
            let end = try IOTest.Pipe()
            let watcher = try reactor.addReader(pipe.reader.number) {}
            host.settle()
            let child = test_fork()
            if child == 0 {
                _ = io_wait_readable(end.reader.number)
                _exit(0)
            }
            reactor.loop.rebuild()
            reactor.dispatch()
            host.settle()
            // In the old set, which the child holds, it stays ready.
            pipe.writer.write()
            watcher.pause()
            host.settle()
            end.writer.write()
            #expect(io_wait(child) == 0)
        }

        @Test func aChildThatIsForkedInACallbackLeavesTheParentItsAlarm() async {
            await #expect(processExitsWith: .success) {
                try ThroughItsDescriptor.aChildThatIsForkedInACallbackLeavesTheParentItsAlarm(IOTest.OwnProcess())
            }
        }

        private static func aChildThatIsForkedInACallbackLeavesTheParentItsAlarm(
            _ process: IOTest.OwnProcess
        ) throws {
            let reactor = try IOTest.reactor()
            let host = try Host(reactor)
            var child: pid_t = -1
            var calls = 0
            let later = reactor.callLater(.milliseconds(100)) { calls += 1 }
            reactor.callLater(.milliseconds(1)) {
                child = test_fork()
                if child == 0 { try later.cancel() }
            }
            #expect(host.run { child >= 0 })
            if child == 0 { _exit(0) }
            #expect(io_wait(child) == 0)
            #expect(host.run { calls == 1 })
        }

        @Test func aForkedChildHasOneOfItsOwnUnderTheSameNumber() async {
            await #expect(processExitsWith: .success) {
                try ThroughItsDescriptor.aForkedChildHasOneOfItsOwnUnderTheSameNumber(IOTest.OwnProcess())
            }
        }

        private static func aForkedChildHasOneOfItsOwnUnderTheSameNumber(_ process: IOTest.OwnProcess) throws {
            let reactor = try IOTest.reactor()
            let host = try Host(reactor)
            let pipe = try IOTest.Pipe()
            var calls = 0
            try reactor.addReader(pipe.reader.number) {
                calls += 1
                pipe.reader.drain()
            }
            host.settle()
            let child = test_fork()
            if child == 0 {
                reactor.dispatch()
                host.settle()
                pipe.writer.write()
                let isShown = host.hasSomethingToDo(within: 300_000)
                host.settle()
                _exit(isShown && calls == 1 ? 0 : 1)
            }
            #expect(io_wait(child) == 0)
            host.settle()
            #expect(calls == 0)
            pipe.writer.write()
            host.settle()
            #expect(calls == 1)
        }
    }
}
