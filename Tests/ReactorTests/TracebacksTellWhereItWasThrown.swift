import Testing

@testable import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The traceback of a failure: from the throw, not from where it was caught.
///
/// On Linux; elsewhere there are no names.
#if os(Linux)
    @Suite struct TracebacksTellWhereItWasThrown {
        @Test func theProgramsOwnFramesWithFunctionFileAndLine() throws {
            let reactor = try makeReactor()
            let log = FailureLog(of: reactor)
            let line = #line + 1
            reactor.callLater(.zero) { try climb(27) }
            reactor.runOnce()
            let traceback = try #require(log.failures.first?.traceback)
            let own = traceback.frames.filter { $0.origin == .program }
            #expect(own.map(\.function).prefix(2) == ["fall(_:)", "climb(_:)"])
            #expect(own.map(\.line) == [fallLine, climbLine, line])
            #expect(own.allSatisfy { $0.path == #filePath })
            #expect(own.last?.function?.hasPrefix("closure #1 in ") == true)
        }

        @Test func theReactorsAndTheRuntimesFramesAreFoldedAwayAndThereOnRequest() throws {
            let reactor = try makeReactor()
            let log = FailureLog(of: reactor)
            reactor.callLater(.zero) { try climb() }
            reactor.runOnce()
            let traceback = try #require(log.failures.first?.traceback)
            #expect(traceback.lines(.off) == [])
            #expect(!traceback.lines(.short).contains { $0.contains("callDue") || $0.contains("swift_") })
            let full = traceback.lines(.full)
            #expect(full.count > traceback.lines(.short).count)
            // The others may be part of it in a release build.
            #expect(full.contains { $0.hasPrefix("Reactor.pass") && $0.contains("Reactor.swift:") })
        }

        @Test(arguments: [#"{ try climb() }"#, "a looping call"])
        func everyKindOfCallbackHasOne(kind: String) throws {
            let reactor = try makeReactor(clock: VirtualClock())
            let log = FailureLog(of: reactor)
            if kind == "a looping call" {
                try LoopingCall(on: reactor) { try climb() }.start(every: .seconds(1))
            } else {
                reactor.handle.callFromThread { try climb() }
            }
            reactor.runOnce()
            #expect(lines(log.failures.first).prefix(2) == [fallLine, climbLine])
        }

        @Test func anErrorThatIsCaughtAndThrownAgainWasThrownTheFirstTime() throws {
            let reactor = try makeReactor()
            let log = FailureLog(of: reactor)
            reactor.callLater(.zero) {
                do {
                    try climb()
                } catch {
                    throw error
                }
            }
            reactor.runOnce()
            #expect(lines(log.failures.first).prefix(2) == [fallLine, climbLine])
        }

        @Test func anErrorThatWasCaughtIsNotTakenForTheNextOne() throws {
            let reactor = try makeReactor()
            let log = FailureLog(of: reactor)
            let line = #line + 3
            reactor.callLater(.zero) {
                for _ in 0..<100 { try? climb() }
                throw Mishap(1)
            }
            reactor.runOnce()
            #expect(lines(log.failures.first) == [line])
        }

        @Test func anErrorThatWasNotThrownHasNotTheTracebackOfAnotherOfItsType() throws {
            let reactor = try makeReactor()
            let log = FailureLog(of: reactor)
            reactor.callLater(.zero) {
                try? climb()
                let site = CallSite(fileID: #fileID, line: #line)
                reactor.report(CallbackFailure(error: Mishap(1), kind: .callFromThread, registeredAt: site))
            }
            reactor.runOnce()
            #expect(log.mishaps == [1])
            #expect(log.failures.first?.traceback == nil)
        }

        @Test func errorsOfTheCleanUpDoNotHideTheOneThatCounts() throws {
            let reactor = try makeReactor()
            let log = FailureLog(of: reactor)
            reactor.callLater(.zero) {
                defer { for _ in 0..<3 { try? stumble() } }
                try climb()
            }
            reactor.runOnce()
            #expect(log.mishaps == [8])
            #expect(lines(log.failures.first).prefix(2) == [fallLine, climbLine])
        }

        @Test func aTypedErrorHasOneToo() throws {
            let reactor = try makeReactor()
            let log = FailureLog(of: reactor)
            let line = #line + 1
            reactor.callLater(.zero) { try reactor.addReader(-1) {} }
            reactor.runOnce()
            #expect(log.failures.first?.error as? DescriptorError == .negative(-1))
            #expect(lines(log.failures.first) == [line])
        }

        /// One object, thrown from two places: nobody threw it again.
        @Test func anErrorThatWasKeptIsThrownWhereItIsThrown() throws {
            let reactor = try makeReactor()
            let log = FailureLog(of: reactor)
            var kept: (any Error)?
            reactor.callLater(.zero) { do { try climb() } catch { kept = error } }
            let line = #line + 1
            reactor.callLater(.zero) { if let kept { throw kept } }
            reactor.runOnce()
            #expect(lines(log.failures.first) == [line])
        }

        @Test func aCallbackInsideANestedPassShowsItsOwnFramesAlone() throws {
            let reactor = try makeReactor()
            let log = FailureLog(of: reactor)
            var depth = 0
            let line = #line + 3
            reactor.callLater(.zero) {
                // Not like another closure: the optimizer makes one function, of no line, of those that are.
                reactor.callLater(.zero) { throw Mishap(depth) }
                depth += 1
                reactor.runOnce()
                try climb()
            }
            reactor.runOnce()
            #expect(log.failures.map { lines($0).first } == [line, fallLine])
            #expect(lines(log.failures.first) == [line])
        }

        @Test func aDeepRecursionIsCutOffAndFolded() throws {
            let reactor = try makeReactor()
            let log = FailureLog(of: reactor)
            reactor.callLater(.zero) { try fall(10_000) }
            reactor.runOnce()
            let traceback = try #require(log.failures.first?.traceback)
            #expect(traceback.addresses.count == 64)
            #expect(traceback.lines(.short).count == 2)
            #expect(traceback.lines(.short).last?.hasPrefix("... ") == true)
        }

        @Test func withoutTracebacksNoneIsTaken() throws {
            let reactor = try makeReactor()
            let log = FailureLog(of: reactor)
            reactor.tracebacks = .off
            reactor.callLater(.zero) { try climb() }
            reactor.runOnce()
            #expect(log.failures.first?.traceback == nil)
            reactor.tracebacks = .short
            reactor.callLater(.zero) { try climb() }
            reactor.runOnce()
            #expect(log.failures.last?.traceback != nil)
        }

        @Test func nothingThatIsThrownIsKeptAlive() throws {
            struct Heavy: Error, @unchecked Sendable { let captive: Captive }
            var released = 0
            let reactor = try makeReactor()
            reactor.onFailure = { _ in }
            reactor.callLater(.zero) { throw Heavy(captive: Captive { released += 1 }) }
            reactor.callLater(.zero) { try? { throw Heavy(captive: Captive { released += 1 }) }() }
            reactor.runOnce()
            #expect(released == 2)
        }

        /// Two orders of magnitude above what it takes. The test runner listens to what is thrown, too.
        @Test func aThrowInsideACallbackTakesLessThanAHundredMicroseconds() throws {
            let reactor = try makeReactor()
            // Of this thread's own time: others may have the processor meanwhile.
            var elapsed: [TracebackStyle: Int] = [:]
            for style in [TracebackStyle.off, .short] {
                reactor.tracebacks = style
                reactor.callLater(.zero) {
                    let begin = nanosecondsOfThisThread()
                    for _ in 0..<5_000 { try? climb() }
                    elapsed[style] = nanosecondsOfThisThread() - begin
                }
                reactor.runOnce()
            }
            let cost = try (#require(elapsed[.short]) - #require(elapsed[.off])) / 5_000
            #expect(cost < 100_000)
        }

        @Test func aFailureSaysWhen() throws {
            let reactor = try makeReactor()
            let log = FailureLog(of: reactor)
            reactor.callLater(.zero) { throw Mishap() }
            let before = reactor.now
            reactor.runOnce()
            let when = try #require(log.failures.first?.when)
            #expect(before <= when && when <= reactor.now)
        }

        // MARK: The report

        @Test func theReportReadsLikeASwiftTraceback() async throws {
            let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
                let reactor = try Reactor(backend: backendUnderTest())
                reactor.callLater(.zero, fileID: "Program/Main.swift", line: 14) { try climb() }
                reactor.runOnce()
            }
            let report = standardError(of: result)
            #expect(report.first == "Unhandled error in a delayed call (Main.swift:14, after 0.0 s): mishap 8")
            #expect(report.dropFirst().first == "Traceback (most recent call first):")
            let rows = report.dropFirst(2).prefix(3).map { $0.split(separator: " ", maxSplits: 1).map(String.init) }
            #expect(rows.prefix(2).map(\.first) == ["fall(_:)", "climb(_:)"])
            #expect(rows[0].last?.hasSuffix("    " + place(fallLine)) == true)
            #expect(rows[1].last?.hasSuffix("    " + place(climbLine)) == true)
            #expect(report.dropFirst(4).first?.hasPrefix("  closure #1 in ") == true)
            #expect(report.last == "registered at Main.swift:14")
        }

        @Test(arguments: ["off", "short", "full", "nonsense"])
        func theEnvironmentChoosesTheStyle(value: String) async throws {
            let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) { [value] in
                unsafe setenv("REACTOR_TRACEBACK", value, 1)
                let reactor = try Reactor(backend: backendUnderTest())
                reactor.callLater(.zero, fileID: "Program/Main.swift", line: 14) { try climb() }
                reactor.runOnce()
            }
            let report = standardError(of: result)
            switch value {
            case "off": #expect(report == ["Unhandled error in a delayed call (Main.swift:14, after 0.0 s): mishap 8"])
            case "full": #expect(report.contains { $0.hasPrefix("  Reactor.pass") })
            case "short": #expect(report.count == 6)
            default:
                #expect(
                    report.first
                        == "REACTOR_TRACEBACK: \"nonsense\" is none of off, short and full. Going on with short."
                )
                #expect(report.count == 7)
            }
        }

        /// It is asked for in the middle of a report.
        @Test func anErrorsDescriptionMayUseTheReactor() async throws {
            struct Busy: Error, CustomStringConvertible {
                let pass: @Sendable () -> Void
                var description: String {
                    pass()
                    return "busy"
                }
            }
            let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
                let reactor = try Reactor(backend: backendUnderTest())
                let smuggled = IOTest.Smuggled(reactor)
                reactor.callLater(.zero) {
                    reactor.callLater(.zero) { throw Mishap(1) }
                    throw Busy { smuggled.value.runOnce() }
                }
                reactor.runOnce()
            }
            let report = standardError(of: result)
            for error in ["busy", "mishap 1"] {
                #expect(report.filter { $0.hasPrefix("Unhandled error") && $0.hasSuffix(": \(error)") }.count == 1)
            }
        }
    }

    private let fallLine = #line + 2
    private func fall(_ depth: Int) throws {
        if depth == 0 { throw Mishap(8) } else { try fall(depth - 1) }
        withExtendedLifetime(depth) {}
    }

    // With a number, so that closures differ: those of the same code are merged in release builds.
    private let climbLine = #line + 3
    @inline(never)
    private func climb(_ number: Int = 0) throws {
        try fall(0)
        withExtendedLifetime(number) {}
    }

    private func stumble() throws { throw Mishap(9) }

    private func place(_ line: Int) -> String { "\(#fileID.split(separator: "/").last ?? ""):\(line)" }

    private func lines(_ failure: CallbackFailure?) -> [Int?] {
        failure?.traceback?.frames.filter { $0.origin == .program && $0.line != nil }.map(\.line) ?? []
    }
#endif

private func nanosecondsOfThisThread() -> Int {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}
