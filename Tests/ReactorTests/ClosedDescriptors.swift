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

/// A descriptor that is closed under its watcher: nothing aborts, nothing spins, and it is told.
///
/// Each test has a process of its own: in a shared one, another test's thread could open something under the number.
@Suite(.keepsFiles) struct ClosedDescriptors {
    @Test func aDescriptorThatWasJustClosedIsRefused() async {
        await #expect(processExitsWith: .success) {
            try ClosedDescriptors.aDescriptorThatWasJustClosedIsRefused(IOTest.OwnProcess())
        }
    }

    private static func aDescriptorThatWasJustClosedIsRefused(_ process: IOTest.OwnProcess) throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        pipe.reader.close()
        #expect(throws: DescriptorError.notOpen(pipe.reader.number)) { try reactor.addReader(pipe.reader.number) {} }
        #expect(reactor.readers.isEmpty)
        reactor.runOnce()
    }

    @Test func closedUnderItsWatcherItIsReportedAndCancelledInTheNextPassOrWhenTheWatcherIsTouched() async {
        await #expect(processExitsWith: .success) {
            try ClosedDescriptors.closedUnderItsWatcherItIsReportedAndCancelledInTheNextPassOrWhenTheWatcherIsTouched(
                IOTest.OwnProcess()
            )
        }
    }

    private static func closedUnderItsWatcherItIsReportedAndCancelledInTheNextPassOrWhenTheWatcherIsTouched(
        _ process: IOTest.OwnProcess
    ) throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let pipe = try IOTest.Pipe()
        let number = pipe.reader.number
        let watcher = try reactor.addReader(number, fileID: "House/Well.swift", line: 3) { Issue.record("called") }
        reactor.runOnce()
        pipe.reader.close()
        reactor.runOnce()
        if reactor.backend.kernelKeepsTheSet, watcher.isActive {
            // The kernel forgot it without a word.
            watcher.pause()
            #expect(throws: DescriptorError.closedWhileWatched(number)) { try watcher.resume() }
            #expect(failures.all.isEmpty)
        } else {
            #expect(failures.descriptorErrors == [.closedWhileWatched(number)])
            #expect(failures.all.map(\.consequence) == [.watcherCancelled])
            #expect(failures.all.map(\.kind) == [.ioWatcher(descriptor: number, interest: .read)])
            #expect(failures.all.first?.registeredAt.description == "Well.swift:3")
            #expect(throws: DescriptorError.watcherCancelled(number)) { try watcher.resume() }
        }
        #expect(!watcher.isActive)
        #expect(reactor.readers.isEmpty)
        #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
        #expect(failures.all.count <= 1)
    }

    @Test func aChangeOfInterestTellsOfAClosedDescriptorToo() async {
        await #expect(processExitsWith: .success) {
            try ClosedDescriptors.aChangeOfInterestTellsOfAClosedDescriptorToo(IOTest.OwnProcess())
        }
    }

    private static func aChangeOfInterestTellsOfAClosedDescriptorToo(_ process: IOTest.OwnProcess) throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let sockets = try IOTest.Pair.sockets()
        let number = sockets.near.number
        let watcher = try reactor.addReader(number) {}
        let other = try reactor.addReader(number) {}
        reactor.runOnce()
        sockets.near.close()
        #expect(throws: DescriptorError.closedWhileWatched(number)) { try watcher.setInterest(.write) }
        // The one was told by the error, the other by a report.
        #expect(!watcher.isActive)
        #expect(!other.isActive)
        #expect(failures.descriptorErrors == [.closedWhileWatched(number)])
        reactor.runOnce()
        #expect(failures.all.count == 1)
    }

    #if DEBUG
        @Test(arguments: [false, true])
        func inDebugBuildsASleepIsPrecededByALookAtAllDescriptors(afterAPassThatMayNotSleep: Bool) async {
            await #expect(processExitsWith: .success) { [afterAPassThatMayNotSleep] in
                try ClosedDescriptors.inDebugBuildsASleepIsPrecededByALookAtAllDescriptors(
                    IOTest.OwnProcess(),
                    afterAPassThatMayNotSleep: afterAPassThatMayNotSleep
                )
            }
        }

        private static func inDebugBuildsASleepIsPrecededByALookAtAllDescriptors(
            _ process: IOTest.OwnProcess,
            afterAPassThatMayNotSleep: Bool
        ) throws {
            let reactor = try IOTest.reactor()
            let failures = IOTest.Failures(of: reactor)
            let pipe = try IOTest.Pipe()
            let watcher = try reactor.addReader(pipe.reader.number) {}
            if afterAPassThatMayNotSleep { reactor.runOnce() } else { reactor.runOnce(timeout: .milliseconds(1)) }
            pipe.reader.close()
            reactor.runOnce(timeout: .milliseconds(1))
            #expect(!watcher.isActive)
            #expect(failures.descriptorErrors == [.closedWhileWatched(pipe.reader.number)])
        }
    #endif

    @Test func closedBetweenRegistrationAndTheFirstPassItIsReported() async {
        await #expect(processExitsWith: .success) {
            try ClosedDescriptors.closedBetweenRegistrationAndTheFirstPassItIsReported(IOTest.OwnProcess())
        }
    }

    private static func closedBetweenRegistrationAndTheFirstPassItIsReported(_ process: IOTest.OwnProcess) throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let pipes = try (0..<5).map { _ in try IOTest.Pipe() }
        let watchers = try pipes.map { try reactor.addReader($0.reader.number) {} }
        for pipe in pipes { pipe.reader.close() }
        reactor.runOnce()
        #expect(watchers.allSatisfy { !$0.isActive })
        let expected = Set(pipes.map { $0.reader.number })
        #expect(failures.all.count == 5)
        #expect(
            Set(failures.descriptorErrors.map(\.description))
                == Set(expected.map { DescriptorError.closedWhileWatched($0).description })
        )
    }

    @Test func aClosedDescriptorDoesNotKeepTheOthersFromBeingServed() async {
        await #expect(processExitsWith: .success) {
            try ClosedDescriptors.aClosedDescriptorDoesNotKeepTheOthersFromBeingServed(IOTest.OwnProcess())
        }
    }

    private static func aClosedDescriptorDoesNotKeepTheOthersFromBeingServed(_ process: IOTest.OwnProcess) throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let closed = try IOTest.Pipe()
        let pipe = try IOTest.Pipe()
        var calls = 0
        try reactor.addReader(closed.reader.number) {}
        try reactor.addReader(pipe.reader.number) { calls += 1 }
        reactor.runOnce()
        closed.reader.close()
        pipe.writer.write()
        #expect(IOTest.run(reactor) { calls >= 3 })
        #expect(failures.all.count <= 1)
    }

    @Test func cancelledAfterTheCloseItIsNotReported() async {
        await #expect(processExitsWith: .success) {
            try ClosedDescriptors.cancelledAfterTheCloseItIsNotReported(IOTest.OwnProcess())
        }
    }

    private static func cancelledAfterTheCloseItIsNotReported(_ process: IOTest.OwnProcess) throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let pipe = try IOTest.Pipe()
        let watcher = try reactor.addReader(pipe.reader.number) {}
        reactor.runOnce()
        pipe.reader.close()
        watcher.cancel()
        for _ in 0..<3 { reactor.runOnce() }
        #expect(failures.all.isEmpty)
        #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
    }

    enum Touch: String, CaseIterable, Codable { case cancel, pause, pauseAndResume, narrow }

    @Test(arguments: Touch.allCases)
    func whenOneOfTwoWatchersOfAClosedDescriptorIsTouchedTheOtherIsReported(_ touch: Touch) async {
        await #expect(processExitsWith: .success) { [touch] in
            try ClosedDescriptors.whenOneOfTwoWatchersOfAClosedDescriptorIsTouchedTheOtherIsReported(
                IOTest.OwnProcess(),
                touch
            )
        }
    }

    private static func whenOneOfTwoWatchersOfAClosedDescriptorIsTouchedTheOtherIsReported(
        _ process: IOTest.OwnProcess,
        _ touch: Touch
    ) throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let sockets = try IOTest.Pair.sockets()
        let number = sockets.near.number
        let first = try reactor.addWatcher(number, .readWrite) { _ in }
        let second = try reactor.addReader(number) {}
        reactor.runOnce()
        sockets.near.close()
        switch touch {
        case .cancel: first.cancel()
        case .pause: first.pause()
        case .pauseAndResume:
            first.pause()
            #expect(throws: DescriptorError.closedWhileWatched(number)) { try first.resume() }
        case .narrow:
            #expect(throws: DescriptorError.closedWhileWatched(number)) { try first.setInterest(.read) }
        }
        // libev would tell the kernel of the change, and abort.
        for _ in 0..<3 { reactor.runOnce() }
        #expect(!first.isActive)
        #expect(!second.isActive)
        #expect(failures.all.count == (touch == .pause ? 2 : 1))
        #expect(failures.descriptorErrors.allSatisfy { $0 == .closedWhileWatched(number) })
    }

    @Test func closedWhilePausedItIsReportedWhenItIsResumed() async {
        await #expect(processExitsWith: .success) {
            try ClosedDescriptors.closedWhilePausedItIsReportedWhenItIsResumed(IOTest.OwnProcess())
        }
    }

    private static func closedWhilePausedItIsReportedWhenItIsResumed(_ process: IOTest.OwnProcess) throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let pipe = try IOTest.Pipe()
        let number = pipe.reader.number
        let watcher = try reactor.addReader(number) {}
        reactor.runOnce()
        watcher.pause()
        reactor.runOnce()
        pipe.reader.close()
        for _ in 0..<3 { reactor.runOnce() }
        #expect(watcher.isActive)
        #expect(failures.all.isEmpty)
        #expect(throws: DescriptorError.closedWhileWatched(number)) { try watcher.resume() }
        #expect(!watcher.isActive)
        reactor.runOnce()
    }

    #if os(Linux)
        @Test func whatOnlyNamesTheFileByNowIsReportedInTheNextPassAtTheLatest() async {
            await #expect(processExitsWith: .success) {
                try ClosedDescriptors.whatOnlyNamesTheFileByNowIsReportedInTheNextPassAtTheLatest(IOTest.OwnProcess())
            }
        }

        /// Opened with O_PATH it is the same file, and yet closed for whoever would watch it.
        private static func whatOnlyNamesTheFileByNowIsReportedInTheNextPassAtTheLatest(
            _ process: IOTest.OwnProcess
        ) throws {
            let reactor = try IOTest.reactor()
            let failures = IOTest.Failures(of: reactor)
            let pipe = try IOTest.Pipe()
            let number = pipe.reader.number
            let watcher = try reactor.addReader(number) {}
            reactor.runOnce()
            watcher.pause()
            reactor.runOnce()
            let name = try IOTest.File(unsafe open("/proc/self/fd/\(number)", 0o10_000_000))
            #expect(dup2(name.number, number) == number)
            try watcher.resume()
            reactor.runOnce()
            #expect(failures.descriptorErrors == [.closedWhileWatched(number)])
            #expect(!watcher.isActive)
        }
    #endif

    enum AlwaysReady: String, CaseIterable, Codable { case file, directory, nullDevice }

    /// epoll never had it: libev calls it ready without asking anyone.
    @Test(arguments: AlwaysReady.allCases)
    func whatIsAlwaysReadyIsReportedToAndNotSpunOn(_ kind: AlwaysReady) async {
        await #expect(processExitsWith: .success) { [kind] in
            try ClosedDescriptors.whatIsAlwaysReadyIsReportedToAndNotSpunOn(IOTest.OwnProcess(), kind)
        }
    }

    private static func whatIsAlwaysReadyIsReportedToAndNotSpunOn(
        _ process: IOTest.OwnProcess,
        _ kind: AlwaysReady
    ) throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let number =
            switch kind {
            case .file: io_temporary_file()
            case .directory: io_open_root()
            case .nullDevice: io_open_null_device()
            }
        let file = try IOTest.File(number)
        var callsAfterTheClose = 0
        try reactor.addReader(file.number) { if !file.isOpen { callsAfterTheClose += 1 } }
        for _ in 0..<3 { reactor.runOnce() }
        file.close()
        for _ in 0..<100 { reactor.runOnce() }
        #expect(callsAfterTheClose <= 1)
        #expect(failures.descriptorErrors == [.closedWhileWatched(file.number)])
    }

    /// On poll libev aborts, and only on poll: see Docs/Decisions.md.
    @Test(.enabled(if: IOTest.backend != .poll))
    func descriptorsThatAreClosedByAThreadWhileTheReactorSleepsEndNothing() async {
        await #expect(processExitsWith: .success) {
            try ClosedDescriptors.descriptorsThatAreClosedByAThreadWhileTheReactorSleepsEndNothing(IOTest.OwnProcess())
        }
    }

    private static func descriptorsThatAreClosedByAThreadWhileTheReactorSleepsEndNothing(_ process: IOTest.OwnProcess)
        throws
    {
        let reactor = try IOTest.reactor()
        reactor.onFailure = { _ in }
        let pipes = try (0..<200).map { _ in try IOTest.Pipe() }
        for pipe in pipes { try reactor.addReader(pipe.reader.number) {} }
        let doomed = IOTest.Smuggled(pipes)
        let handle = reactor.handle
        let thread = IOTest.Thread {
            for pipe in doomed.value {
                // One at a time, each while the reactor is in its system call, and a wake-up after it.
                let isServed = IOTest.Flag()
                handle.callFromThread { isServed.raise() }
                isServed.wait()
                pipe.reader.close()
            }
            handle.stop()
        }
        try reactor.run(installSignalHandlers: false)
        thread.join()
    }

    @Test func theReportOfALostWatcherHasItsLabel() throws {
        let pipe = try IOTest.Pipe()
        let reactor = try IOTest.reactor()
        var labels: [String?] = []
        reactor.onFailure = { labels.append($0.label) }
        let watcher = try reactor.addReader(pipe.reader.number) {}
        watcher.label = "the log"
        reactor.runOnce()
        pipe.reader.close()
        #expect(throws: DescriptorError.notOpen(pipe.reader.number)) { try reactor.addReader(pipe.reader.number) {} }
        #expect(labels == ["the log"])
    }
}
