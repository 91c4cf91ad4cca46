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

    enum Origin: String, CaseIterable, Codable { case reader, delayedCall, threadCall, whenRunning, handler, trigger }

    /// The descriptor and a watcher of another are closed, paused and resumed from inside all kinds of callbacks.
    @Test(arguments: Origin.allCases)
    func closedInsideACallbackItEndsNothing(_ origin: Origin) async {
        await #expect(processExitsWith: .success) { [origin] in
            try ClosedDescriptors.closedInsideACallbackItEndsNothing(IOTest.OwnProcess(), origin)
        }
    }

    private static func closedInsideACallbackItEndsNothing(_ process: IOTest.OwnProcess, _ origin: Origin) throws {
        let reactor = try IOTest.reactor()
        var failures: [CallbackFailure] = []
        let sockets = try IOTest.Pair.sockets()
        let ready = try IOTest.Pipe()
        let number = sockets.near.number
        let first = try reactor.addReader(number) {}
        let second = try reactor.addWatcher(number, []) { _ in }
        reactor.runOnce()

        let close = IOTest.Smuggled {
            sockets.near.close()
            first.pause()
            second.cancel()
        }
        reactor.onFailure = { failure in
            failures.append(failure)
            if failure.error is IOTest.Failure { close.value() }
        }
        switch origin {
        case .reader:
            try reactor.addReader(ready.reader.number) {
                close.value()
                ready.reader.drain()
            }
        case .handler:
            try reactor.addReader(ready.reader.number) {
                ready.reader.drain()
                throw IOTest.Failure()
            }
        case .delayedCall: reactor.callLater(.zero) { close.value() }
        case .threadCall: reactor.handle.callFromThread { close.value() }
        case .whenRunning: reactor.callWhenRunning { close.value() }
        case .trigger: reactor.addSystemEventTrigger(.before, .startup) { close.value() }
        }
        ready.writer.write()
        reactor.callLater(.milliseconds(20)) { try reactor.stop() }
        try reactor.run(installSignalHandlers: false)
        for _ in 0..<3 { reactor.runOnce() }
        #expect(!sockets.near.isOpen)
        #expect(!second.isActive)
        if first.isActive { #expect(throws: DescriptorError.closedWhileWatched(number)) { try first.resume() } }
        #expect(reactor.runOnce() == 0)
    }

    /// The report of one closed descriptor is a callback like any other: it may close the next.
    @Test(arguments: ["unchanged", "just added", "one of two paused"])
    func aHandlerThatIsToldOfOneClosedDescriptorMayCloseAnother(_ history: String) async {
        await #expect(processExitsWith: .success) { [history] in
            try ClosedDescriptors.aHandlerThatIsToldOfOneClosedDescriptorMayCloseAnother(IOTest.OwnProcess(), history)
        }
    }

    private static func aHandlerThatIsToldOfOneClosedDescriptorMayCloseAnother(
        _ process: IOTest.OwnProcess,
        _ history: String
    ) throws {
        let reactor = try IOTest.reactor()
        let pipes = try (0..<10).map { _ in try IOTest.Pipe() }
        var errors: [DescriptorError] = []
        var watchers: [IOWatcher] = []
        reactor.onFailure = { failure in
            if let error = failure.error as? DescriptorError { errors.append(error) }
            for pipe in pipes where pipe.reader.isOpen {
                pipe.reader.close()
                break
            }
        }
        for pipe in pipes {
            watchers.append(try reactor.addWatcher(pipe.reader.number, .readWrite) { _ in })
            watchers.append(try reactor.addReader(pipe.reader.number) {})
        }
        if history != "just added" { reactor.runOnce() }
        if history == "one of two paused" { for index in stride(from: 0, to: 20, by: 2) { watchers[index].pause() } }
        pipes[9].reader.close()
        pipes[4].reader.close()
        for _ in 0..<20 { reactor.runOnce() }
        if !reactor.backend.kernelKeepsTheSet || history != "unchanged" {
            #expect(watchers.allSatisfy { !$0.isActive })
            #expect(errors.count == 20)
        }
    }

    @Test(arguments: ["unchanged", "just added"])
    func aHandlerThatIsToldOfOneClosedDescriptorMayMakeAPassThoughMoreAreClosed(_ history: String) async {
        await #expect(processExitsWith: .success) { [history] in
            try ClosedDescriptors.aHandlerThatIsToldOfOneClosedDescriptorMayMakeAPassThoughMoreAreClosed(
                IOTest.OwnProcess(),
                history
            )
        }
    }

    private static func aHandlerThatIsToldOfOneClosedDescriptorMayMakeAPassThoughMoreAreClosed(
        _ process: IOTest.OwnProcess,
        _ history: String
    ) throws {
        let reactor = try IOTest.reactor()
        let pipes = try (0..<5).map { _ in try IOTest.Pipe() }
        var errors: [DescriptorError] = []
        reactor.onFailure = { [unowned reactor] failure in
            if let error = failure.error as? DescriptorError { errors.append(error) }
            reactor.runOnce()
        }
        let watchers = try pipes.map { try reactor.addReader($0.reader.number) {} }
        if history == "unchanged" { reactor.runOnce() }
        for pipe in pipes { pipe.reader.close() }
        for _ in 0..<5 { reactor.runOnce() }
        if !reactor.backend.kernelKeepsTheSet || history != "unchanged" {
            #expect(watchers.allSatisfy { !$0.isActive })
        }
    }

    @Test func aHandlerThatIsToldOfAClosedDescriptorMayAddAWatcherAndCloseItsDescriptor() async {
        await #expect(processExitsWith: .success) {
            try ClosedDescriptors.aHandlerThatIsToldOfAClosedDescriptorMayAddAWatcherAndCloseItsDescriptor(
                IOTest.OwnProcess()
            )
        }
    }

    private static func aHandlerThatIsToldOfAClosedDescriptorMayAddAWatcherAndCloseItsDescriptor(
        _ process: IOTest.OwnProcess
    ) throws {
        let reactor = try IOTest.reactor()
        var pipes = try (0..<10).map { _ in try IOTest.Pipe() }
        var reports = 0
        reactor.onFailure = { [unowned reactor] _ in
            reports += 1
            guard let pipe = pipes.popLast() else { return }
            try reactor.addReader(pipe.reader.number) {}
            pipe.reader.close()
        }
        let first = try IOTest.Pipe()
        try reactor.addReader(first.reader.number) {}
        first.reader.close()
        for _ in 0..<20 { reactor.runOnce() }
        #expect(reports == 11)
        #expect(reactor.readers.isEmpty)
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
}
