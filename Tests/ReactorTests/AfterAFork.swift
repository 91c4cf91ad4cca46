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

/// The reactor goes on in a forked child, and neither process disturbs the other.
///
/// The child tells its result by its exit status; it must not go back into the test.
@Suite(.keepsFiles) struct AfterAFork {
    @Test func timersDescriptorsAndThreadCallsWorkInBothProcesses() async {
        await #expect(processExitsWith: .success) {
            try AfterAFork.timersDescriptorsAndThreadCallsWorkInBothProcesses(IOTest.OwnProcess())
        }
    }

    private static func timersDescriptorsAndThreadCallsWorkInBothProcesses(_ process: IOTest.OwnProcess) throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        let log = IOTest.Smuggled(IOTest.Log())
        try reactor.addReader(pipe.reader.number) {
            log.value.add("reader")
            pipe.reader.drain()
        }
        reactor.callLater(.milliseconds(30)) { log.value.add("old timer") }
        reactor.runOnce()

        let child = test_fork()
        // From here on the same in both, but each with a pipe of its own.
        let own = child == 0 ? io_pipe() : io_pair(first: -1, second: -1)
        if child == 0 {
            _ = try? reactor.addReader(own.first) {
                log.value.add("own pipe")
                io_drain(own.first)
            }
            _ = io_write(own.second, 1)
        }
        reactor.callLater(.milliseconds(5)) { log.value.add("new timer") }
        let handle = reactor.handle
        if child == 0, io_has_thread_sanitizer() {
            // It does not allow a forked process to make threads.
            handle.callFromThread { log.value.add("thread call") }
        } else {
            IOTest.Thread { handle.callFromThread { log.value.add("thread call") } }.join()
        }
        let expected = ["new timer", "old timer"] + (child == 0 ? ["own pipe"] : []) + ["thread call"]
        let isComplete = IOTest.run(reactor) { log.value.entries.count >= expected.count }
        if child == 0 { _exit(isComplete && log.value.entries.sorted() == expected ? 0 : 1) }
        #expect(isComplete)
        #expect(log.value.entries.sorted() == expected)
        let status = io_wait(child)
        #expect(status == 0, "the child ended with \(status)")

        // The child is gone, and the parent's watcher still there.
        pipe.writer.write()
        #expect(IOTest.run(reactor) { log.value.entries.last == "reader" })
    }

    @Test func aSharedPipeIsServedInTheChildToo() async {
        await #expect(processExitsWith: .success) {
            try AfterAFork.aSharedPipeIsServedInTheChildToo(IOTest.OwnProcess())
        }
    }

    private static func aSharedPipeIsServedInTheChildToo(_ process: IOTest.OwnProcess) throws {
        let reactor = try IOTest.reactor()
        let sockets = try IOTest.Pair.sockets()
        var calls = 0
        try reactor.addReader(sockets.near.number) {
            calls += 1
            _ = io_read_byte(sockets.near.number)
        }
        reactor.runOnce()
        let child = test_fork()
        if child == 0 { _exit(IOTest.run(reactor) { calls == 1 } ? 0 : 1) }
        // The parent stays out of its reactor, so that the byte is the child's.
        sockets.far.write()
        let status = io_wait(child)
        #expect(status == 0, "the child ended with \(status)")
        sockets.far.write()
        #expect(IOTest.run(reactor) { calls == 1 })
    }

    #if os(Linux)
        /// The thread that watches is not there in the child.
        @Test func aStuckCallbackIsReportedInTheChildToo() async {
            await #expect(processExitsWith: .success) {
                try AfterAFork.aStuckCallbackIsReportedInTheChildToo(IOTest.OwnProcess())
            }
        }
    #endif

    private static func aStuckCallbackIsReportedInTheChildToo(_ process: IOTest.OwnProcess) throws {
        // It does not allow a forked process to make threads.
        if io_has_thread_sanitizer() { return }
        let reactor = try IOTest.reactor()
        reactor.stuckCallbackLimit = .milliseconds(5)
        reactor.runOnce()
        let child = test_fork()
        if child == 0 {
            let pipe = io_pipe()
            dup2(pipe.second, STDERR_FILENO)
            var request = pollfd(fd: pipe.first, events: Int16(POLLIN), revents: 0)
            var isReported = false
            reactor.callLater(.zero) { isReported = unsafe poll(&request, 1, 30_000) == 1 }
            reactor.runOnce(timeout: .seconds(1))
            _exit(isReported ? 0 : 1)
        }
        let status = io_wait(child)
        #expect(status == 0, "the child ended with \(status)")
    }

    enum Deed: String, CaseIterable, Codable {
        case cancelsAtOnce, cancelsAfterAPass, closesAndCancels, pausesAndResumes, dropsTheReactor, removesAll
    }

    /// The kernel's set of an epoll descriptor is one for both processes, until the child's has been built.
    @Test(arguments: Deed.allCases)
    func theParentsWatchersAreNotDisturbedByWhatTheChildDoesWithIts(_ deed: Deed) async {
        await #expect(processExitsWith: .success) { [deed] in
            try AfterAFork.theParentsWatchersAreNotDisturbedByWhatTheChildDoesWithIts(IOTest.OwnProcess(), deed)
        }
    }

    private static func theParentsWatchersAreNotDisturbedByWhatTheChildDoesWithIts(
        _ process: IOTest.OwnProcess,
        _ deed: Deed
    ) throws {
        var reactor: Reactor? = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        var calls = 0
        let watcher = try #require(try reactor?.addReader(pipe.reader.number) { calls += 1 })
        reactor?.callLater(.milliseconds(40)) { calls += 100 }
        reactor?.runOnce()
        let child = test_fork()
        if child == 0 {
            switch deed {
            case .cancelsAtOnce: watcher.cancel()
            case .cancelsAfterAPass:
                reactor?.runOnce()
                watcher.cancel()
            case .closesAndCancels:
                pipe.reader.close()
                watcher.cancel()
            case .pausesAndResumes:
                watcher.pause()
                try watcher.resume()
            case .dropsTheReactor: reactor = nil
            case .removesAll: reactor?.removeAll()
            }
            reactor?.runOnce()
            reactor?.runOnce(timeout: .milliseconds(5))
            _exit(0)
        }
        let status = io_wait(child)
        #expect(status == 0, "the child ended with \(status)")
        let parent = try #require(reactor)
        pipe.writer.write()
        parent.runOnce()
        #expect(calls % 100 == 1, "\(calls)")
        pipe.reader.drain()
        #expect(IOTest.run(parent) { calls >= 100 })
        #expect(IOTest.pollsWhileIdle(parent) <= IOTest.fewPolls)
        watcher.cancel()
    }

    @Test func aTimerOfTheChildDoesNotWakeTheParentNorTakeItsOwnAway() async {
        await #expect(processExitsWith: .success) {
            try AfterAFork.aTimerOfTheChildDoesNotWakeTheParentNorTakeItsOwnAway(IOTest.OwnProcess())
        }
    }

    private static func aTimerOfTheChildDoesNotWakeTheParentNorTakeItsOwnAway(_ process: IOTest.OwnProcess) throws {
        let reactor = try IOTest.reactor()
        var isDue = false
        reactor.callLater(.milliseconds(200)) { isDue = true }
        reactor.runOnce(timeout: .milliseconds(1))
        let child = test_fork()
        if child == 0 {
            // Re-sets what ends the sleep many times, to earlier and later.
            for _ in 0..<20 { reactor.runOnce(timeout: .milliseconds(1)) }
            for call in reactor.delayedCalls { try? call.cancel() }
            reactor.callLater(.seconds(1_000)) {}
            reactor.runOnce(timeout: .milliseconds(1))
            _exit(0)
        }
        let status = io_wait(child)
        #expect(status == 0, "the child ended with \(status)")
        #expect(IOTest.run(reactor) { isDue })
    }

    @Test func aDescriptorThatTheChildClosesUnderItsWatcherIsReportedThere() async {
        await #expect(processExitsWith: .success) {
            try AfterAFork.aDescriptorThatTheChildClosesUnderItsWatcherIsReportedThere(IOTest.OwnProcess())
        }
    }

    private static func aDescriptorThatTheChildClosesUnderItsWatcherIsReportedThere(_ process: IOTest.OwnProcess) throws
    {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let pipes = try (0..<5).map { _ in try IOTest.Pipe() }
        var calls = 0
        for pipe in pipes { try reactor.addReader(pipe.reader.number) { calls += 1 } }
        reactor.runOnce()
        let child = test_fork()
        if child == 0 {
            // libev tells the kernel of every descriptor anew, and aborts on one that is closed.
            pipes[1].reader.close()
            pipes[3].reader.close()
            for _ in 0..<3 { reactor.runOnce() }
            _exit(failures.all.count == 2 && reactor.readers.count == 3 ? 0 : 1)
        }
        let status = io_wait(child)
        #expect(status == 0, "the child ended with \(status)")
        for pipe in pipes { pipe.writer.write() }
        reactor.runOnce()
        #expect(calls == 5)
        #expect(failures.all.isEmpty)
    }

    @Test func aHandlerThatMakesAPassInTheChildMeetsNoClosedDescriptor() async {
        await #expect(processExitsWith: .success) {
            try AfterAFork.aHandlerThatMakesAPassInTheChildMeetsNoClosedDescriptor(IOTest.OwnProcess())
        }
    }

    private static func aHandlerThatMakesAPassInTheChildMeetsNoClosedDescriptor(_ process: IOTest.OwnProcess) throws {
        let reactor = try IOTest.reactor()
        var reports = 0
        reactor.onFailure = { [unowned reactor] _ in
            reports += 1
            reactor.runOnce()
        }
        let pipes = try (0..<5).map { _ in try IOTest.Pipe() }
        for pipe in pipes { try reactor.addReader(pipe.reader.number) {} }
        reactor.runOnce()
        let child = test_fork()
        if child == 0 {
            for pipe in pipes { pipe.reader.close() }
            reactor.runOnce()
            _exit(reports == 5 ? 0 : 1)
        }
        let status = io_wait(child)
        #expect(status == 0, "the child ended with \(status)")
    }

    @Test func aForkInsideACallbackLetsBothGoOnFromThere() async {
        await #expect(processExitsWith: .success) {
            try AfterAFork.aForkInsideACallbackLetsBothGoOnFromThere(IOTest.OwnProcess())
        }
    }

    private static func aForkInsideACallbackLetsBothGoOnFromThere(_ process: IOTest.OwnProcess) throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        let other = try IOTest.Pipe()
        var child: pid_t = -1
        var calls = 0
        let watcher = try reactor.addReader(other.reader.number) {}
        pipe.writer.write()
        try reactor.addReader(pipe.reader.number) { [unowned reactor] readiness in
            calls += 1
            guard calls == 1 else { return }
            child = test_fork()
            if child == 0 {
                watcher.cancel()
                reactor.runOnce()
            }
        }
        reactor.runOnce()
        reactor.runOnce()
        if child == 0 { _exit(calls == 2 ? 0 : 1) }
        #expect(calls == 2)
        let status = io_wait(child)
        #expect(status == 0, "the child ended with \(status)")
        #expect(watcher.isActive)
    }

    /// The child of a callback goes on with its pass, in which timerfd and eventfd are still the parent's.
    @Test func aChildThatIsForkedInACallFromAThreadLeavesTheParentItsWakeUps() async {
        await #expect(processExitsWith: .success) {
            try AfterAFork.aChildThatIsForkedInACallFromAThreadLeavesTheParentItsWakeUps(IOTest.OwnProcess())
        }
    }

    private static func aChildThatIsForkedInACallFromAThreadLeavesTheParentItsWakeUps(
        _ process: IOTest.OwnProcess
    ) throws {
        let reactor = try IOTest.reactor()
        let begin = try IOTest.Pipe()
        let log = IOTest.Smuggled(IOTest.Log())
        let child = IOTest.Smuggled(IOTest.Log())
        let begun = begin.reader.number
        try reactor.addSignalWatcher(SIGUSR1) { log.value.add("signal") }
        IOTest.Thread { [handle = reactor.handle] in
            handle.callFromThread {
                let number = test_fork()
                if number == 0 {
                    // Not before the parent has got its signal.
                    _ = io_wait_readable(begun)
                    child.value.add("child")
                } else {
                    child.value.add("\(number)")
                }
            }
        }.join()
        while child.value.entries.isEmpty { reactor.runOnce(timeout: .milliseconds(10)) }
        if child.value.entries == ["child"] { _exit(0) }
        io_raise(SIGUSR1)
        begin.writer.write()
        let status = io_wait(pid_t(child.value.entries[0]) ?? -1)
        #expect(status == 0, "the child ended with \(status)")
        #expect(IOTest.run(reactor) { log.value.entries == ["signal"] })
    }

    @Test func aChildThatDispatchesFirstLeavesTheParentItsAlarm() async {
        await #expect(processExitsWith: .success) {
            try AfterAFork.aChildThatDispatchesFirstLeavesTheParentItsAlarm(IOTest.OwnProcess())
        }
    }

    private static func aChildThatDispatchesFirstLeavesTheParentItsAlarm(_ process: IOTest.OwnProcess) throws {
        let reactor = try IOTest.reactor()
        var calls = 0
        // The alarm has gone off, and is thought to have.
        reactor.callLater(.milliseconds(1)) { calls += 1 }
        #expect(IOTest.run(reactor) { calls == 1 })
        let go = try IOTest.Pipe()
        let child = test_fork()
        if child == 0 {
            _ = io_wait_readable(go.reader.number)
            reactor.dispatch()
            _exit(0)
        }
        reactor.callLater(.milliseconds(50)) { calls += 1 }
        // The alarm is set; the child does what it does to it, and only then does this process wait.
        reactor.runOnce(timeout: .milliseconds(1))
        go.writer.write()
        let status = io_wait(child)
        #expect(status == 0, "the child ended with \(status)")
        #expect(IOTest.run(reactor) { calls == 2 })
    }
}
