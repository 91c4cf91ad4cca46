import Logging
import Reactor
import ReactorLogging
import Testing

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

@Suite struct ReportsGoToALogger {
    private let recorder = Recorder()
    private let reactor: Reactor

    init() throws {
        reactor = try Reactor()
        reactor.report(to: recorder.logger())
    }

    // MARK: Failures

    @Test func aFailedDelayedCallIsAnError() throws {
        reactor.callLater(.milliseconds(1), fileID: "Clock/Main.swift", line: 14) { throw Mishap(number: 1) }
        reactor.runOnce(timeout: .seconds(10))

        let record = try #require(recorder.all.first)
        #expect(recorder.all.count == 1)
        #expect(record.level == .error)
        #expect(record.message == "Unhandled error in a delayed call (Main.swift:14, after 0.001 s): mishap 1")
        #expect(record.error as? Mishap == Mishap(number: 1))
        #expect(record.source == "Reactor")
        #expect(record.metadata?["reactor.when"] != nil)
        #expect(record.place == "Clock/Main.swift:14")
        #expect(
            record.texts == [
                "error.message": "mishap 1", "error.type": "ReactorLoggingTests.Mishap",
                "reactor.kind": "delayedCall", "reactor.after": "0.001 seconds",
                "reactor.registered-at": "Clock/Main.swift:14",
            ]
        )
    }

    @Test func aFailedWatcherTellsItsDescriptorAndThatItWasCancelled() throws {
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        try #require(unsafe write(ends[1], "x", 1) == 1)
        let reader = try reactor.addReader(ends[0], fileID: "Clock/Main.swift", line: 15) { throw Mishap(number: 2) }
        reader.label = "feed"
        reactor.runOnce()

        let record = try #require(recorder.all.first)
        let callback = "a reader of descriptor \(ends[0]) \"feed\" (Main.swift:15)"
        #expect(record.message == "Unhandled error in \(callback): mishap 2")
        #expect(record.texts["reactor.label"] == "feed")
        #expect(record.texts["reactor.kind"] == "ioWatcher")
        #expect(record.texts["reactor.descriptor"] == "\(ends[0])")
        #expect(record.texts["reactor.interest"] == "read")
        #expect(record.texts["reactor.consequence"] == "watcherCancelled")
    }

    @Test func eachKindHasItsNameAndWhatBelongsToIt() {
        let kinds: [(CallbackKind, [String: String])] = [
            (.delayedCall(after: .zero), ["kind": "delayedCall", "after": "0.0 seconds"]),
            (.loopingCall(every: .seconds(2)), ["kind": "loopingCall", "every": "2.0 seconds"]),
            (
                .ioWatcher(descriptor: 5, interest: .readWrite),
                ["kind": "ioWatcher", "descriptor": "5", "interest": "read and write"]
            ),
            (.signalWatcher(signal: 1), ["kind": "signalWatcher", "signal": "1"]),
            (.callFromThread, ["kind": "callFromThread"]),
            (.callWhenRunning, ["kind": "callWhenRunning"]),
            (
                .systemEventTrigger(.before, .shutdown),
                ["kind": "systemEventTrigger", "phase": "before", "event": "shutdown"]
            ),
            (.failureHandler, ["kind": "failureHandler"]),
            (.instrument("Meter"), ["kind": "instrument", "instrument": "Meter"]),
        ]
        let site = CallSite(fileID: "Clock/Main.swift", line: 14)
        for (kind, _) in kinds {
            reactor.report(CallbackFailure(error: Mishap(number: 3), kind: kind, registeredAt: site))
        }
        let texts = recorder.all.map { record in
            record.texts.filter { $0.key.hasPrefix("reactor.") && $0.key != "reactor.registered-at" }
        }
        #expect(texts == kinds.map { Dictionary(uniqueKeysWithValues: $0.1.map { ("reactor.\($0)", $1) }) })
    }

    #if os(Linux)
        @Test func theTracebackIsAListOfLines() throws {
            reactor.callLater(.zero) { try misread() }
            reactor.runOnce()
            guard case .array(let lines) = recorder.all.first?.metadata?["reactor.traceback"] else {
                Issue.record("no traceback")
                return
            }
            #expect("\(lines[0])".hasPrefix("misread()"))
            #expect("\(lines[0])".contains("ReportsGoToALogger.swift:"))
            #expect("\(lines[1])".hasPrefix("closure #1 in "))
        }
    #endif

    @Test func withoutTracebacksThereIsNone() {
        reactor.tracebacks = .off
        reactor.callLater(.zero) { throw Mishap(number: 4) }
        reactor.runOnce()
        #expect(recorder.all.map { $0.metadata?["reactor.traceback"] } == [nil])
    }

    // MARK: Slow callbacks

    @Test func aSlowCallbackIsAWarning() throws {
        reactor.slowCallbackThreshold = .milliseconds(1)
        reactor.callLater(.zero, fileID: "Clock/Main.swift", line: 16) { holdTheLoop() }
        reactor.callLater(.milliseconds(1)) {}
        reactor.runOnce()

        // The other one, where the thread had to wait for its turn in it, may be reported, too.
        let records = recorder.all.filter { $0.place == "Clock/Main.swift:16" }
        let record = try #require(records.first)
        #expect(records.count == 1)
        #expect(record.level == .warning)
        let sentence = "Slow callback: a delayed call (Main.swift:16, after 0.0 s) held the loop for "
        #expect("\(record.message)".hasPrefix(sentence))
        #expect(record.texts["reactor.kind"] == "delayedCall")
        #expect(record.texts["reactor.threshold"] == "0.001 seconds")
        for key in ["duration", "lateness", "made-late"] {
            let text = try #require(record.texts["reactor.\(key)"])
            #expect(text.hasSuffix(" seconds"))
            #expect(Double(text.dropLast(" seconds".count)).map { $0 > 0 } == true)
        }
    }

    // MARK: How much

    @Test func aStormIsFolded() {
        for _ in 0..<10_000 {
            reactor.callLater(.zero, fileID: "Clock/Main.swift", line: 17) { throw Mishap(number: 5) }
        }
        reactor.callLater(.zero) { [reactor] in try reactor.stop() }
        #expect(throws: Never.self) { try reactor.run(installSignalHandlers: false) }

        // Where the machine is slow, there is more than one second to tell of.
        let records = recorder.all
        #expect(records.count < 100)
        #expect(records.allSatisfy { $0.level == .error && $0.place == "Clock/Main.swift:17" })
        let repeats = records.compactMap { $0.texts["reactor.repeats"].flatMap(Int.init) }
        #expect(repeats.reduce(0, +) + records.count - repeats.count == 10_000)
        #expect(records.last?.texts["reactor.kind"] == "delayedCall")
        #expect(records.last?.texts["reactor.registered-at"] == "Clock/Main.swift:17")
        let headline = "Unhandled error in a delayed call (Main.swift:17, after 0.0 s): mishap 5"
        #expect(records.last.map { "\($0.message)".hasPrefix("The same failure ") } == true)
        #expect(records.last.map { "\($0.message)".hasSuffix(" s: \(headline)") } == true)
    }

    @Test func aLoggerThatListensToLessGetsLess() {
        reactor.report(to: recorder.logger(level: .critical))
        reactor.callLater(.zero) { throw Mishap(number: 6) }
        reactor.runOnce()
        #expect(recorder.all.isEmpty)
    }

    // MARK: Beside handlers of the program's own

    @Test func whatOnFailureGetsIsNotLogged() {
        var handled = 0
        reactor.onFailure = { _ in handled += 1 }
        reactor.callLater(.zero) { throw Mishap(number: 7) }
        reactor.runOnce()
        #expect(handled == 1)
        #expect(recorder.all.isEmpty)
    }

    @Test func ifOnFailureThrowsBothAreLogged() {
        reactor.onFailure = { _ in throw Mishap(number: 100) }
        reactor.callLater(.zero) { throw Mishap(number: 8) }
        reactor.runOnce()
        #expect(recorder.all.map { $0.error as? Mishap } == [Mishap(number: 8), Mishap(number: 100)])
        #expect(recorder.all.map { $0.texts["reactor.kind"] } == ["delayedCall", "failureHandler"])
    }

    // MARK: In a process of its own, whose standard error can be read

    /// It would come back for each of its own failures.
    @Test func whatTheHandlerMakesTheReactorDoGoesToStandardError() async throws {
        let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let recorder = Recorder()
            Reactor.shared.tracebacks = .off
            Reactor.shared.slowCallbackThreshold = .milliseconds(1)
            Reactor.shared.report(
                to: recorder.logger {
                    Reactor.shared.callLater(.zero, fileID: "Clock/Main.swift", line: 19) { throw Mishap(number: 10) }
                    Reactor.shared.callLater(.zero, fileID: "Clock/Main.swift", line: 20) { holdTheLoop() }
                    Reactor.shared.runOnce()
                    Reactor.shared.runOnce()
                }
            )
            Reactor.shared.callLater(.zero) { throw Mishap(number: 9) }
            Reactor.shared.runOnce()
            // On a busy machine that callback may have been a slow one, too.
            #expect(recorder.all.compactMap { $0.error as? Mishap } == [Mishap(number: 9)])
        }
        let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        let failure = "Unhandled error in a delayed call (Main.swift:19, after 0.0 s): mishap 10\n"
        #expect(text.contains(failure))
        #expect(text.contains("Slow callback: a delayed call (Main.swift:20, after 0.0 s) held the loop for "))
        #expect(!text.contains("mishap 9"))
    }

    /// What it tells of one failure then leads to others, and to counts that are due.
    @Test func theHandlerMayRunTheReactorWhenAStormIsTold() async {
        await #expect(processExitsWith: .success) {
            let recorder = Recorder()
            @Sendable func fail(_ count: Int) {
                for number in 0..<count * 2 {
                    Reactor.shared.callLater(.zero, fileID: "Clock/Main.swift", line: 22) {
                        throw Mishap(number: number % 2)
                    }
                }
                Reactor.shared.runOnce()
            }
            Reactor.shared.report(to: recorder.logger { fail(4) })
            fail(4)
            // The machine's second in which both counts are taken: a reactor that waited for its end would wake up for the
            // first, and tell it before the other is due.
            usleep(1_100_000)
            Reactor.shared.runOnce()
            #expect(recorder.all.last?.texts["reactor.repeats"] != nil)
        }
    }

    @Test func withoutALoggerReportsGoToStandardErrorAgain() async throws {
        let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let recorder = Recorder()
            let reactor = try Reactor()
            reactor.tracebacks = .off
            for logger in [recorder.logger(), nil] {
                reactor.report(to: logger)
                reactor.callLater(.zero, fileID: "Clock/Main.swift", line: 21) { throw Mishap(number: 11) }
                reactor.runOnce()
            }
            #expect(recorder.all.count == 1)
        }
        let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(text.contains("Unhandled error in a delayed call (Main.swift:21, after 0.0 s): mishap 11\n"))
    }
}

@inline(never)
private func misread() throws { throw Mishap(number: 0) }

/// For longer than the threshold that these tests set. It has to be real time: whether a callback is slow goes by the
/// machine's clock, whatever the reactor's is.
private func holdTheLoop() { usleep(5_000) }
