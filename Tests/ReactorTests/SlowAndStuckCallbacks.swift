import Testing

@testable import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Callbacks that hold the loop for too long: who is told, and of what.
@Suite struct SlowAndStuckCallbacks {
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

    /// The loop is not held in the passes that a callback makes.
    @Test func passesThatACallbackMakesAreNotItsTime() {
        var slow: [String] = []
        let instrument = SlowCallbackInstrument(threshold: .seconds(2)) {
            nil
        } report: {
            slow.append("\($0.run.label ?? "") \($0.duration)")
        }
        func time(_ seconds: UInt64) -> ReactorInstant { ReactorInstant(nanoseconds: seconds * 1_000_000_000) }
        func run(_ name: String, _ begin: UInt64) -> CallbackRun {
            CallbackRun(kind: .callWhenRunning, label: name, registeredAt: .nowhere, due: nil, began: time(begin))
        }
        // The pass that calls them.
        instrument.waitBegan(at: time(0))
        instrument.waitEnded(at: time(10))
        let outer = run("outer", 10)
        instrument.callbackBegan(outer)
        instrument.waitBegan(at: time(11))
        instrument.waitEnded(at: time(20))
        let inner = run("inner", 20)
        instrument.callbackBegan(inner)
        instrument.callbackEnded(inner, at: time(25))
        let quick = run("quick", 25)
        instrument.callbackBegan(quick)
        instrument.callbackEnded(quick, at: time(27))
        instrument.callbackEnded(outer, at: time(28))
        #expect(slow == ["inner 5.0 seconds"])

        // One second before, three after.
        let other = run("other", 30)
        instrument.callbackBegan(other)
        instrument.waitBegan(at: time(31))
        instrument.waitEnded(at: time(40))
        instrument.callbackEnded(other, at: time(43))
        #expect(slow == ["inner 5.0 seconds", "other 4.0 seconds"])

        // It was asked for in the middle of this one.
        instrument.callbackEnded(run("begun before", 50), at: time(56))
        #expect(slow.last == "begun before 6.0 seconds")
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
        @Test func aStuckCallbackIsShownInTheStyleThatWasSetLast() async throws {
            let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
                let reactor = try Reactor(backend: backendUnderTest())
                reactor.stuckCallbackLimit = .milliseconds(20)
                reactor.tracebacks = .full
                var ends: [Int32] = [0, 0]
                try #require(unsafe pipe(&ends) == 0)
                let original = dup(STDERR_FILENO)
                dup2(ends[1], STDERR_FILENO)
                var text = ""
                reactor.callLater(.zero) { text = dawdle(reading: ends[0], until: "  Reactor.runOnce(") }
                reactor.runOnce()
                unsafe write(original, text, text.utf8.count)
            }
            let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
            #expect(text.contains("  Reactor.runOnce("))
        }

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
                    if isStuck {
                        text = dawdle(reading: ends[0], until: "dawdle(reading:until:askingForTheTime:) ")
                    } else {
                        spin(for: .milliseconds(25))
                    }
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
                #expect(text.contains("  dawdle(reading:until:askingForTheTime:) "))
            }
        }

        /// In a release build some functions have no unwind tables; the one that asks for the time is such a one.
        @Test func theCallersOfAFunctionWithoutUnwindTablesAreShownToo() async throws {
            let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
                let reactor = try Reactor(backend: backendUnderTest())
                reactor.tracebacks = .full
                reactor.stuckCallbackLimit = .milliseconds(20)
                var ends: [Int32] = [0, 0]
                try #require(unsafe pipe(&ends) == 0)
                let original = dup(STDERR_FILENO)
                dup2(ends[1], STDERR_FILENO)
                var text = ""
                reactor.callLater(.zero) {
                    text = dawdle(reading: ends[0], until: "  Reactor.runOnce(", askingForTheTime: 100_000)
                }
                reactor.runOnce()
                unsafe write(original, text, text.utf8.count)
            }
            let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
            #expect(text.contains("  dawdle(reading:until:askingForTheTime:) "))
            #expect(text.contains("  Reactor.runOnce("))
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

/// Until `name` can be read from `descriptor`, or four minutes have passed: under the address sanitizer the first name
/// takes a busy machine half a minute to look up. Returns all that could be read by then, which need not be a whole report.
@inline(never)
private func dawdle(reading descriptor: Int32, until name: String, askingForTheTime times: Int = 1) -> String {
    let end = ReactorInstant.machineNow.advanced(by: .seconds(240))
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    var text = ""
    // Nothing that allocates in between: from within the address sanitizer's own functions the stack cannot be walked.
    while ReactorInstant.machineNow < end {
        for _ in 1..<times { _ = ReactorInstant.machineNow }
        guard unsafe poll(&request, 1, 0) == 1 else { continue }
        text += readText(descriptor)
        if text.contains(name) { break }
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
