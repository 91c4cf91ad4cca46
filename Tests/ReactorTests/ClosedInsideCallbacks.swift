import Testing

@testable import Reactor

/// Descriptors that are closed under their watchers by callbacks, those that are told of one included.
///
/// Each test has a process of its own: in a shared one, another test's thread could open something under the number.
@Suite(.keepsFiles) struct ClosedInsideCallbacks {
    enum Origin: String, CaseIterable, Codable { case reader, delayedCall, threadCall, whenRunning, handler, trigger }

    /// The descriptor and a watcher of another are closed, paused and resumed from inside all kinds of callbacks.
    @Test(arguments: Origin.allCases)
    func closedInsideACallbackItEndsNothing(_ origin: Origin) async {
        await #expect(processExitsWith: .success) { [origin] in
            try ClosedInsideCallbacks.closedInsideACallbackItEndsNothing(IOTest.OwnProcess(), origin)
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
            try ClosedInsideCallbacks.aHandlerThatIsToldOfOneClosedDescriptorMayCloseAnother(
                IOTest.OwnProcess(),
                history
            )
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
            try ClosedInsideCallbacks.aHandlerThatIsToldOfOneClosedDescriptorMayMakeAPassThoughMoreAreClosed(
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
            try ClosedInsideCallbacks.aHandlerThatIsToldOfAClosedDescriptorMayAddAWatcherAndCloseItsDescriptor(
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
}
