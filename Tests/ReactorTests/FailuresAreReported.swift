import Testing

@testable import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Callbacks that throw: what `onFailure` gets, and that the loop goes on.
@Suite struct FailuresAreReported {
    @Test func aThrowingCallbackIsReportedAndTheNextOneRuns() throws {
        let reactor = try makeReactor()
        let log = FailureLog(of: reactor)
        var made: [String] = []
        let line = UInt32(#line + 1)
        reactor.callLater(.milliseconds(-5)) { throw Mishap(7) }
        reactor.callLater(.zero) { made.append("next") }
        #expect(reactor.runOnce() == 2)

        #expect(made == ["next"])
        let failure = try #require(log.failures.first)
        #expect(log.failures.count == 1)
        #expect(failure.error as? Mishap == Mishap(7))
        #expect(failure.kind == .delayedCall(after: .zero))
        #expect(failure.registeredAt.fileID.description == #fileID)
        #expect(failure.registeredAt.line == line)
        #expect(failure.consequence == CallbackFailure.Consequence.none)
        #expect(reactor.runOnce() == 0)
    }

    @Test func aFailedDelayedCallTellsItsDelay() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        let log = FailureLog(of: reactor)
        let delays: [Duration] = [.zero, .nanoseconds(1), .milliseconds(1_500), .seconds(86_400)]
        for delay in delays { reactor.callLater(delay) { throw Mishap() } }
        // What it was asked for with counts, not what became of it.
        try reactor.callLater(.seconds(5)) { throw Mishap() }.reset(to: .seconds(90_000))
        reactor.pass(through: .seconds(100_000))
        #expect(log.failures.map(\.kind) == (delays + [.seconds(5)]).map { .delayedCall(after: $0) })
    }

    @Test(.timeLimit(.minutes(15)))
    func aFailedCallFromAThreadIsReportedWithItsCallSite() throws {
        let reactor = try makeReactor()
        let log = FailureLog(of: reactor)
        let line = UInt32(#line + 1)
        reactor.handle.callFromThread { throw Mishap(1) }
        reactor.handle.callFromThread { _ in throw Mishap(2) }
        reactor.handle.callFromThread { reactor in reactor.callLater(.zero) { throw Mishap(3) } }
        #expect(reactor.runOnce() == 4)
        #expect(log.mishaps == [1, 2, 3])
        #expect(log.failures.map(\.registeredAt.line) == [line, line + 1, line + 2])
        #expect(log.failures.map(\.kind) == [.callFromThread, .callFromThread, .delayedCall(after: .zero)])
    }

    @Test func aFailedReaderIsCancelledAndTheReportSaysSo() throws {
        let reactor = try makeReactor()
        let log = FailureLog(of: reactor)
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        try #require(unsafe write(ends[1], "x", 1) == 1)

        let line = UInt32(#line + 1)
        let reader = try reactor.addReader(ends[0]) { throw Mishap(1) }
        #expect(reactor.runOnce() == 1)
        #expect(reactor.runOnce() == 0)
        #expect(!reader.isActive)
        #expect(log.mishaps == [1])
        #expect(log.failures.first?.kind == .ioWatcher(descriptor: ends[0], interest: .read))
        #expect(log.failures.first?.registeredAt.line == line)
        #expect(log.failures.first?.consequence == .watcherCancelled)

        let kept = try reactor.addReader(ends[0], keepAfterFailure: true) { throw Mishap(2) }
        reactor.runOnce()
        reactor.runOnce()
        #expect(kept.isActive)
        #expect(log.mishaps == [1, 2, 2])
        #expect(log.failures.last?.consequence == CallbackFailure.Consequence.none)
    }

    /// In a process of its own: a signal is.
    @Test func aFailedSignalWatcherIsReportedAndStays() async {
        await #expect(processExitsWith: .success) {
            let reactor = try makeReactor()
            let log = FailureLog(of: reactor)
            let watcher = try reactor.addSignalWatcher(SIGUSR1, fileID: "Program/Main.swift", line: 5) {
                throw Mishap(1)
            }
            kill(getpid(), SIGUSR1)
            reactor.runOnce(timeout: IOTest.patience)
            #expect(log.mishaps == [1])
            #expect(log.failures.first?.kind == .signalWatcher(signal: SIGUSR1))
            #expect(log.failures.first?.registeredAt.description == "Main.swift:5")
            #expect(log.failures.first?.consequence == CallbackFailure.Consequence.none)
            #expect(watcher.isActive)
        }
    }

    @Test func tenThousandThrowingCallbacksAreAllReportedAndTheLoopGoesOn() throws {
        let reactor = try makeReactor()
        let log = FailureLog(of: reactor)
        var made = 0
        for number in 0..<10_000 {
            reactor.callLater(.zero) { throw Mishap(number) }
            if number.isMultiple(of: 100) { reactor.callLater(.zero) { made += 1 } }
        }
        #expect(reactor.runOnce() == 10_100)
        #expect(log.mishaps == Array(0..<10_000))
        #expect(made == 100)
        reactor.callLater(.zero) { made += 1 }
        #expect(reactor.runOnce() == 1)
        #expect(made == 101)
    }

    @Test func tenThousandPassesWithAFailureInEachAreAllReported() throws {
        let reactor = try makeReactor()
        let log = FailureLog(of: reactor)
        var made = 0
        func fail() throws {
            made += 1
            if made < 10_000 { reactor.callLater(.zero, fail) }
            throw Mishap(made)
        }
        reactor.callLater(.zero, fail)
        for _ in 0..<10_000 { reactor.runOnce() }
        #expect(log.mishaps == Array(1...10_000))
    }

    @Test func aFailureReportedByHandReachesTheHandlerUnchanged() throws {
        let reactor = try makeReactor()
        let log = FailureLog(of: reactor)
        reactor.report(
            CallbackFailure(
                error: Mishap(4),
                kind: .callFromThread,
                registeredAt: CallSite(fileID: "Module/Some.swift", line: 12),
                consequence: .watcherCancelled
            )
        )
        #expect(log.mishaps == [4])
        #expect(log.failures.first?.kind == .callFromThread)
        #expect(log.failures.first?.registeredAt.description == "Some.swift:12")
        #expect(log.failures.first?.consequence == .watcherCancelled)
    }

    // MARK: Handlers that misbehave

    @Test func aHandlerMayUseTheReactor() throws {
        let reactor = try makeReactor()
        var events: [String] = []
        var neighbour: DelayedCall?
        reactor.onFailure = { [unowned reactor] failure in
            events.append("\(failure.error)")
            reactor.callLater(.zero) { events.append("asked for by the handler") }
            try neighbour?.cancel()
            neighbour = nil
        }
        reactor.callLater(.zero) { throw Mishap(1) }
        neighbour = reactor.callLater(.zero) { events.append("neighbour") }
        reactor.callLater(.zero) { events.append("last") }
        #expect(reactor.runOnce() == 2)
        #expect(reactor.runOnce() == 1)
        #expect(events == ["mishap 1", "last", "asked for by the handler"])
    }

    @Test func aHandlerMayMakeAPassOfItsOwn() throws {
        let reactor = try makeReactor()
        var events: [String] = []
        reactor.onFailure = { [unowned reactor] failure in
            events.append("handler of \(failure.error) begins")
            reactor.callLater(.zero) { events.append("asked for by the handler") }
            reactor.runOnce()
            events.append("handler ends")
        }
        for number in 1...2 {
            events = []
            reactor.callLater(.zero) { throw Mishap(number) }
            reactor.callLater(.zero) { events.append("next") }
            reactor.runOnce()
            #expect(
                events == ["handler of mishap \(number) begins", "next", "asked for by the handler", "handler ends"]
            )
        }
    }

    @Test(.timeLimit(.minutes(15)))
    func aHandlerMayStopTheReactor() throws {
        let reactor = try makeReactor()
        reactor.onFailure = { [unowned reactor] _ in try reactor.stop() }
        reactor.callLater(.zero) { throw Mishap() }
        try reactor.runUntilStopped()
    }

    @Test func aHandlerMayReplaceItself() throws {
        let reactor = try makeReactor()
        var events: [String] = []
        reactor.onFailure = { [unowned reactor] failure in
            events.append("first handler: \(failure.error)")
            reactor.onFailure = { failure in events.append("second handler: \(failure.error)") }
        }
        for number in 1...3 { reactor.callLater(.zero) { throw Mishap(number) } }
        reactor.runOnce()
        #expect(events == ["first handler: mishap 1", "second handler: mishap 2", "second handler: mishap 3"])
    }

    @Test func bothFailuresGoToStandardErrorWhereTheHandlerThrowsAndTheLoopGoesOn() async throws {
        let result = await #expect(
            processExitsWith: .success,
            observing: [\.standardErrorContent]
        ) {
            let reactor = try makeReactor()
            var made = 0
            reactor.onFailure = { _ in throw Mishap(100) }
            for number in 1...2 {
                reactor.callLater(.zero, fileID: "Program/Main.swift", line: 40) { throw Mishap(number) }
                reactor.callLater(.zero) { made += 1 }
            }
            #expect(reactor.runOnce() == 4)
            #expect(made == 2)
        }
        #expect(
            reports(in: result) == [
                "Unhandled error in a delayed call (Main.swift:40, after 0.0 s): mishap 1",
                "Unhandled error in the failure handler (Main.swift:40): mishap 100",
                "Unhandled error in a delayed call (Main.swift:40, after 0.0 s): mishap 2",
                "Unhandled error in the failure handler (Main.swift:40): mishap 100",
            ]
        )
    }

    /// They cannot go to the handler: it is where they come from.
    @Test func failuresOfWhatTheHandlerEntersGoToStandardError() async throws {
        let result = await #expect(
            processExitsWith: .success,
            observing: [\.standardErrorContent]
        ) {
            let reactor = try makeReactor()
            var handled: [String] = []
            reactor.onFailure = { [unowned reactor] failure in
                handled.append("\(failure.error)")
                reactor.runOnce()
            }
            reactor.callLater(.zero) { throw Mishap(1) }
            reactor.callLater(.zero, fileID: "Program/Main.swift", line: 41) { throw Mishap(2) }
            reactor.callLater(.zero, fileID: "Program/Main.swift", line: 42) { throw Mishap(3) }
            reactor.runOnce()
            #expect(handled == ["mishap 1"])
            reactor.callLater(.zero) { throw Mishap(4) }
            reactor.runOnce()
            #expect(handled == ["mishap 1", "mishap 4"])
        }
        #expect(
            reports(in: result) == [
                "Unhandled error in a delayed call (Main.swift:41, after 0.0 s): mishap 2",
                "Unhandled error in a delayed call (Main.swift:42, after 0.0 s): mishap 3",
            ]
        )
    }

    // MARK: Without a handler

    @Test func withoutAHandlerFailuresGoToStandardError() async throws {
        let result = await #expect(
            processExitsWith: .success,
            observing: [\.standardErrorContent, \.standardOutputContent]
        ) {
            let reactor = try Reactor(backend: backendUnderTest())
            var made = 0
            reactor.callLater(.zero, fileID: "Program/Main.swift", line: 14) { throw Mishap(1) }
            reactor.callLater(.zero) { made += 1 }
            reactor.runOnce()
            #expect(made == 1)

            // A handler takes its place, and none puts it back.
            reactor.onFailure = { _ in }
            reactor.callLater(.zero) { throw Mishap(2) }
            reactor.runOnce()
            reactor.onFailure = nil
            reactor.callLater(.zero, fileID: "Program/Main.swift", line: 15) { throw Mishap(3) }
            reactor.runOnce()
        }
        #expect(
            reports(in: result) == [
                "Unhandled error in a delayed call (Main.swift:14, after 0.0 s): mishap 1",
                "Unhandled error in a delayed call (Main.swift:15, after 0.0 s): mishap 3",
            ]
        )
        let output = try #require(result).standardOutputContent
        #expect(!String(decoding: output, as: UTF8.self).contains("Unhandled"))
    }

    @Test(.timeLimit(.minutes(15)))
    func tenThousandFailuresAreTenThousandLinesOnStandardError() async throws {
        let result = await #expect(
            processExitsWith: .success,
            observing: [\.standardErrorContent]
        ) {
            let reactor = try Reactor(backend: backendUnderTest())
            for number in 0..<10_000 { reactor.callLater(.zero) { throw Mishap(number) } }
            #expect(reactor.runOnce() == 10_000)
        }
        let lines = reports(in: result)
        #expect(lines.count == 10_000)
        #expect(lines.last?.hasSuffix("mishap 9999") == true)
    }

    /// Nobody reads what is reported: the program must neither die of it nor wait for ever.
    @Test(.timeLimit(.minutes(15)), arguments: ["closed", "a broken pipe", "a full pipe"])
    func aStandardErrorThatTakesNothingHarmsNothing(standardError: String) async {
        await #expect(processExitsWith: .success) { [standardError] in
            let reactor = try Reactor(backend: backendUnderTest())
            let original = dup(STDERR_FILENO)
            var ends: [Int32] = [0, 0]
            try #require(unsafe pipe(&ends) == 0)
            switch standardError {
            case "closed": close(STDERR_FILENO)
            case "a broken pipe":
                dup2(ends[1], STDERR_FILENO)
                for end in ends { close(end) }
            default:
                _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
                while unsafe write(ends[1], "x", 1) == 1 {}
                dup2(ends[1], STDERR_FILENO)
            }
            var made = 0
            for _ in 0..<3 {
                reactor.callLater(.zero) { throw Mishap() }
                reactor.callLater(.zero) { made += 1 }
            }
            reactor.runOnce()
            dup2(original, STDERR_FILENO)
            #expect(made == 3)
        }
    }
}

/// The lines of a process's standard error that are reports.
private func reports(in result: ExitTest.Result?) -> [String] {
    guard let result else { return [] }
    return String(decoding: result.standardErrorContent, as: UTF8.self)
        .split(separator: "\n")
        .filter { $0.hasPrefix("Unhandled error") }
        .map(String.init)
}
