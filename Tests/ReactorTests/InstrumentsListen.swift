import Testing

@testable import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What instruments are told, and that they harm nothing.
@Suite struct InstrumentsListen {
    @Test func aWaitAndEachCallbackWithItsCallSite() throws {
        let reactor = try makeReactor()
        let listener = Listener()
        reactor.addInstrument(listener)
        let line = UInt32(#line + 1)
        reactor.callLater(.zero) { listener.events.append("called") }
        reactor.callWhenRunning {}
        reactor.runOnce()
        #expect(listener.events == ["wait", "woken", "begin \(line)", "called", "end \(line)"])
        let run = try #require(listener.runs.first)
        #expect(run.kind == .delayedCall(after: .zero))
        #expect(run.due.map { $0 <= run.began } == true)
        #expect(try #require(run.lateness) >= .zero)

        reactor.removeInstrument(listener)
        reactor.callLater(.zero) {}
        reactor.runOnce()
        #expect(listener.runs.count == 1)
    }

    /// What does something the first time that a wait begins.
    private final class Meddler: ReactorInstrument {
        private var body: (() -> Void)?

        init(_ body: @escaping () -> Void) { self.body = body }

        func waitBegan(at time: ReactorInstant) {
            body?()
            body = nil
        }
    }

    @Test func aCallThatIsAskedForWhenAWaitBeginsIsNotSleptThrough() throws {
        let reactor = try makeReactor()
        var calls = 0
        reactor.addInstrument(Meddler { [unowned reactor] in reactor.callLater(.zero) { calls += 1 } })
        let begin = ReactorInstant.machineNow
        reactor.runOnce(timeout: IOTest.patience)
        #expect(calls == 1)
        #expect(begin.duration(to: .machineNow) < IOTest.longSleep)
    }

    @Test func aDescriptorThatIsClosedWhenAWaitBeginsIsReported() async {
        await #expect(processExitsWith: .success) { try InstrumentsListen.closeWhenAWaitBegins() }
    }

    private static func closeWhenAWaitBegins() throws {
        let reactor = try Reactor(backend: backendUnderTest())
        let log = FailureLog(of: reactor)
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        try reactor.addReader(ends[0]) {}
        reactor.addInstrument(Meddler { [reader = ends[0]] in close(reader) })
        reactor.runOnce()
        #expect(log.failures.map { $0.error as? DescriptorError } == [.closedWhileWatched(ends[0])])
        #expect(reactor.readers.isEmpty)
        reactor.runOnce()
    }

    @Test func aFailedCallbackEndsAndIsThenReported() throws {
        let reactor = try makeReactor()
        let log = FailureLog(of: reactor)
        let listener = Listener()
        reactor.addInstrument(listener)
        reactor.callLater(.zero) { throw Mishap(3) }
        reactor.runOnce()
        #expect(listener.events.suffix(2).map { $0.prefix(3) } == ["end", "fai"])
        #expect(log.mishaps == [3])
        #expect(log.failures.first?.traceback != nil)
    }

    @Test func theDeadlineOfEachDelayedCallIsItsOwn() throws {
        let reactor = try makeReactor()
        let listener = Listener()
        reactor.addInstrument(listener)
        let calls = [3, 1, 2].map { reactor.callLater(.milliseconds($0)) {} }
        let deadlines = calls.compactMap(\.deadline).sorted()
        while listener.runs.count < 3 { reactor.runOnce(timeout: .seconds(30)) }
        #expect(listener.runs.map(\.due) == deadlines)
    }

    /// One that was for instruments which are gone is not taken for another callback's.
    @Test func aDeadlineThatNobodyWasToldOfIsForgotten() throws {
        let reactor = try makeReactor(clock: nil)
        let first = Listener()
        reactor.addInstrument(first)
        reactor.callLater(.zero) { reactor.removeInstrument(first) }
        reactor.callLater(.zero) {}
        #expect(reactor.runOnce() == 2)
        let second = Listener()
        reactor.addInstrument(second)
        reactor.handle.callFromThread { _ in }
        reactor.runOnce()
        #expect(second.runs.map(\.kind) == [.callFromThread])
        #expect(second.runs.map(\.due) == [nil])
    }

    /// Reported once, and the callbacks go on.
    @Test func anInstrumentThatThrowsIsReportedAndRemoved() throws {
        final class Thrower: ReactorInstrument {
            func callbackBegan(_ run: CallbackRun) throws { throw Mishap(5) }
        }
        let reactor = try makeReactor()
        let log = FailureLog(of: reactor)
        let listener = Listener()
        reactor.addInstrument(Thrower())
        reactor.addInstrument(listener)
        var made = 0
        for _ in 0..<3 { reactor.callLater(.zero) { made += 1 } }
        #expect(reactor.runOnce() == 3)
        #expect(made == 3)
        #expect(listener.runs.count == 3)
        #expect(log.mishaps == [5])
        #expect(log.failures.first?.kind == .instrument("Thrower"))
        #expect(log.failures.first?.consequence == .instrumentRemoved)
    }

    @Test func anInstrumentThatUsesTheReactorIsNotToldOfThat() throws {
        final class Busy: ReactorInstrument {
            let reactor: Reactor
            var told = 0
            init(_ reactor: Reactor) { self.reactor = reactor }
            func callbackBegan(_ run: CallbackRun) {
                told += 1
                reactor.runOnce()
            }
        }
        let reactor = try makeReactor()
        let busy = Busy(reactor)
        reactor.addInstrument(busy)
        var made = 0
        for _ in 0..<3 { reactor.callLater(.zero) { made += 1 } }
        #expect(reactor.runOnce() == 3)
        #expect(made == 3)
        #expect(busy.told == 1)
        reactor.removeInstrument(busy)
    }

    @Test func aCallbackMayRemoveTheInstrumentThatIsToldOfIt() throws {
        let reactor = try makeReactor()
        let listener = Listener()
        reactor.addInstrument(listener)
        reactor.callLater(.zero) { reactor.removeInstrument(listener) }
        reactor.callLater(.zero) {}
        #expect(reactor.runOnce() == 2)
        #expect(listener.runs.count == 1)
    }

    // MARK: Figures

    @Test func figuresCountPassesCallbacksAndFailures() throws {
        let reactor = try makeReactor()
        reactor.onFailure = { _ in }
        let figures = ReactorFigures()
        reactor.addInstrument(figures)
        let line = UInt32(#line + 1)
        for number in 0..<3 { reactor.callLater(.zero) { if number == 1 { throw Mishap() } } }
        reactor.runOnce()
        reactor.runOnce()
        #expect((figures.passes, figures.callbacks, figures.failures) == (2, 3, 1))
        #expect(figures.lag.count == 3)
        let site = try #require(figures.callSite(CallSite(fileID: #fileID, line: UInt(line))))
        #expect(site.calls == 3)
        #expect(site.worst <= site.total && site.worst > .zero)
    }

    @Test func figuresTellSleepFromWork() throws {
        let reactor = try makeReactor()
        let figures = ReactorFigures()
        reactor.addInstrument(figures)
        reactor.callLater(.seconds(1)) { spin(for: .milliseconds(20)) }
        reactor.runOnce(timeout: .seconds(300))
        reactor.runOnce()
        // Less than a second, where the thread had to wait for its turn before it could sleep.
        #expect(figures.asleep >= .milliseconds(500))
        #expect(figures.awake >= .milliseconds(20))
    }

    @Test func lagIsWhatTheCallbackBeforeHasCost() throws {
        let reactor = try makeReactor()
        let figures = ReactorFigures()
        reactor.addInstrument(figures)
        for _ in 0..<2 { reactor.callLater(.zero) { spin(for: .milliseconds(20)) } }
        reactor.runOnce()
        #expect(figures.lag.maximum >= .milliseconds(20))
        #expect(figures.lag.quantile(1) == figures.lag.maximum)
    }

    @Test func aHistogramIsRightToAnEighth() {
        var histogram = LagHistogram()
        #expect(histogram.quantile(0.5) == .zero)
        for microseconds in 1...1_000 { histogram.add(.microseconds(microseconds)) }
        #expect(histogram.maximum == .microseconds(1_000))
        for (part, exact) in [(0.5, 500.0), (0.99, 990), (0.001, 1)] {
            let ratio = histogram.quantile(part) / .microseconds(1) / exact
            #expect(ratio >= 1 && ratio <= 1.125)
        }
        histogram.add(.seconds(Int64.max / 4))
        #expect(histogram.quantile(1) > .seconds(1_000_000))
    }

    // MARK: Slow and stuck callbacks

    @Test func aSlowCallbackIsReportedWithItsCallSiteAndWhomItMadeLate() throws {
        let reactor = try makeReactor()
        var slow: [SlowCallback] = []
        reactor.slowCallbackThreshold = .milliseconds(20)
        reactor.onSlowCallback = { slow.append($0) }
        let line = UInt32(#line + 1)
        reactor.callLater(.zero) { spin(for: .milliseconds(60)) }
        reactor.callLater(.milliseconds(10)) {}
        while reactor.delayedCalls.count > 0 { reactor.runOnce(timeout: .seconds(30)) }
        let first = try #require(slow.first)
        #expect(first.run.registeredAt.line == line)
        #expect(first.duration >= .milliseconds(60))
        #expect(try #require(first.madeLate) >= .milliseconds(45))
        #expect(try #require(first.madeLate) <= first.duration)

        reactor.slowCallbackThreshold = nil
        let count = slow.count
        reactor.callLater(.zero) { spin(for: .milliseconds(30)) }
        reactor.runOnce()
        #expect(slow.count == count)
    }

    @Test func aHandlerOfSlowCallbacksThatThrowsIsReported() throws {
        let reactor = try makeReactor()
        let log = FailureLog(of: reactor)
        reactor.slowCallbackThreshold = .milliseconds(1)
        reactor.onSlowCallback = { _ in throw Mishap(6) }
        reactor.callLater(.zero) { spin(for: .milliseconds(2)) }
        reactor.runOnce()
        #expect(log.mishaps == [6])
        #expect(log.failures.first?.kind == .failureHandler)
    }

    @Test func theTimeOfAReportIsNotTheCallbacks() throws {
        let reactor = try makeReactor()
        reactor.onFailure = { _ in spin(for: .seconds(1)) }
        let figures = ReactorFigures()
        reactor.addInstrument(figures)
        let line = UInt(#line + 1)
        reactor.callLater(.zero) { throw Mishap() }
        reactor.runOnce()
        #expect(try #require(figures.callSite(CallSite(fileID: #fileID, line: line))).worst < .seconds(1))
    }

    #if os(Linux)
        @Test(arguments: ["REACTOR_SLOW", "REACTOR_STUCK"])
        func theEnvironmentAsksForThem(variable: String) async throws {
            let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) { [variable] in
                unsafe setenv(variable, "20ms", 1)
                let reactor = try Reactor(backend: backendUnderTest())
                var ends: [Int32] = [0, 0]
                try #require(unsafe pipe(&ends) == 0)
                let original = dup(STDERR_FILENO)
                dup2(ends[1], STDERR_FILENO)
                let isStuck = variable == "REACTOR_STUCK"
                var text = ""
                reactor.callLater(.zero, fileID: "Program/Main.swift", line: 14) {
                    if isStuck { text = dawdle(reading: ends[0]) } else { spin(for: .milliseconds(25)) }
                }
                reactor.runOnce()
                if !isStuck { text = readText(ends[0]) }
                unsafe write(original, text, text.utf8.count)
            }
            let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
            if variable == "REACTOR_SLOW" {
                let begin = "Slow callback: a delayed call (Main.swift:14, after 0.0 s) held the loop for "
                #expect(text.contains(begin))
                #expect(text.contains("(threshold 20.0 ms)."))
            } else {
                #expect(text.contains("Stuck callback: a delayed call (Main.swift:14, after 0.0 s) has held the loop "))
                // Where it is, and not where it began.
                #expect(text.contains("  dawdle(reading:) "))
            }
        }

        /// A thread that waits to be asked where it is may end meanwhile, and so does then the one that asks.
        @Test func stuckThreadsMayEnd() async throws {
            await #expect(processExitsWith: .success) {
                unsafe setenv("REACTOR_STUCK", "2ms", 1)
                let null = unsafe open("/dev/null", O_WRONLY)
                dup2(null, STDERR_FILENO)
                let before = threadCount()
                let threads = (0..<16).map { _ in
                    IOTest.Thread {
                        let reactor = try? Reactor()
                        for delay in 0..<3 {
                            reactor?.callLater(.milliseconds(delay)) { spin(for: .milliseconds(20)) }
                        }
                        while reactor?.delayedCalls.isEmpty == false { reactor?.runOnce(timeout: .seconds(1)) }
                    }
                }
                for thread in threads { thread.join() }
                // Until those that ask are gone, too. The process may have got one of its own that stays.
                let end = ReactorInstant.machineNow.advanced(by: .seconds(60))
                while threadCount() > before, ReactorInstant.machineNow < end { sched_yield() }
            }
        }

        @Test(arguments: ["50", "-1ms", "fast", "ms"])
        func aMalformedVariableIsToldInOneLine(value: String) async throws {
            let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) { [value] in
                unsafe setenv("REACTOR_SLOW", value, 1)
                let reactor = try Reactor(backend: backendUnderTest())
                #expect(reactor.slowCallbackThreshold == nil)
                #expect(try Reactor(backend: backendUnderTest()).slowCallbackThreshold == nil)
            }
            let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
            let line = "REACTOR_SLOW: \"\(value)\" is no length of time such as 50ms or 1.5s. Going on without."
            #expect(text.split(separator: "\n").filter { $0.hasPrefix("REACTOR_SLOW") } == [line[...]])
        }
    #endif

    @Test func lengthsOfTimeAreReadAndWritten() {
        #expect(Duration(readable: "50ms") == .milliseconds(50))
        #expect(Duration(readable: "1.5s") == .milliseconds(1_500))
        #expect(Duration(readable: "200us") == .microseconds(200))
        for text in ["", "s", "50", "0ms", "-1s", "nans", "1e300s"] { #expect(Duration(readable: text) == nil) }
        #expect(Duration.milliseconds(1_500).readable == "1.50 s")
        #expect(Duration.microseconds(75_300).readable == "75.3 ms")
        #expect(Duration.nanoseconds(999).readable == "999 ns")
        #expect(Duration.zero.readable == "0 ns")
    }
}

private final class Listener: ReactorInstrument {
    var events: [String] = []
    var runs: [CallbackRun] = []

    func waitBegan(at time: ReactorInstant) { events.append("wait") }
    func waitEnded(at time: ReactorInstant) { events.append("woken") }
    func callbackBegan(_ run: CallbackRun) {
        runs.append(run)
        events.append("begin \(run.registeredAt.line)")
    }
    func callbackEnded(_ run: CallbackRun, at time: ReactorInstant) { events.append("end \(run.registeredAt.line)") }
    func callbackFailed(_ failure: CallbackFailure) { events.append("failed") }
}

/// Keeps the thread busy.
@inline(never)
private func spin(for duration: Duration) {
    let end = ReactorInstant.machineNow.advanced(by: duration)
    while ReactorInstant.machineNow < end {}
}

/// Until its own name can be read from `descriptor`, or half a minute has passed. Returns all that could be read.
@inline(never)
private func dawdle(reading descriptor: Int32) -> String {
    let end = ReactorInstant.machineNow.advanced(by: .seconds(30))
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    var text = ""
    // Nothing that allocates in between: from within the address sanitizer's own functions the stack cannot be walked.
    while ReactorInstant.machineNow < end {
        guard unsafe poll(&request, 1, 0) == 1 else { continue }
        text += readText(descriptor)
        if text.contains("dawdle(") { break }
    }
    return text
}

#if os(Linux)
    /// How many threads this process has.
    private func threadCount() -> Int {
        let status = unsafe open("/proc/self/status", O_RDONLY | O_CLOEXEC)
        defer { close(status) }
        let line = readText(status).split(separator: "\n").first { $0.hasPrefix("Threads:") }
        return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }
#endif

private func readText(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 10_000)
    let length = unsafe read(descriptor, &bytes, bytes.count)
    return String(decoding: bytes[..<max(length, 0)], as: UTF8.self)
}
