import Testing

@testable import Reactor

/// The text of the default report.
@Suite struct ReportsReadWell {
    private static let reports: [(kind: CallbackKind, text: String)] = [
        (.delayedCall(after: .zero), "a delayed call (Countdown.swift:14, after 0.0 s)"),
        (.delayedCall(after: .seconds(1)), "a delayed call (Countdown.swift:14, after 1.0 s)"),
        (.delayedCall(after: .milliseconds(250)), "a delayed call (Countdown.swift:14, after 0.25 s)"),
        (.delayedCall(after: .nanoseconds(1)), "a delayed call (Countdown.swift:14, after 0.000000001 s)"),
        (.delayedCall(after: .milliseconds(3_600_010)), "a delayed call (Countdown.swift:14, after 3600.01 s)"),
        (.loopingCall(every: .milliseconds(1_500)), "a looping call (Countdown.swift:14, every 1.5 s)"),
        (.ioWatcher(descriptor: 5, interest: .read), "a reader of descriptor 5 (Countdown.swift:14)"),
        (.ioWatcher(descriptor: 6, interest: .write), "a writer to descriptor 6 (Countdown.swift:14)"),
        (.ioWatcher(descriptor: 7, interest: .readWrite), "a watcher of descriptor 7 (Countdown.swift:14)"),
        (.ioWatcher(descriptor: 8, interest: []), "a watcher of descriptor 8 (Countdown.swift:14)"),
        (.signalWatcher(signal: 2), "a watcher of signal 2 (Countdown.swift:14)"),
        (.callFromThread, "a call from a thread (Countdown.swift:14)"),
        (.callWhenRunning, "a call when running (Countdown.swift:14)"),
        (.systemEventTrigger(.before, .startup), "a trigger before startup (Countdown.swift:14)"),
        (.systemEventTrigger(.during, .shutdown), "a trigger during shutdown (Countdown.swift:14)"),
        (.systemEventTrigger(.after, .shutdown), "a trigger after shutdown (Countdown.swift:14)"),
        (.failureHandler, "the failure handler (Countdown.swift:14)"),
    ]

    private static let site = CallSite(fileID: "Clock/Countdown.swift", line: 14)

    @Test(arguments: reports)
    func aReportTellsKindPlaceAndError(kind: CallbackKind, text: String) {
        let failure = CallbackFailure(error: Mishap(3), kind: kind, registeredAt: Self.site)
        #expect("\(failure)" == "Unhandled error in \(text): mishap 3")
    }

    /// What came from outside must not reach the terminal as a command, nor pass for a line of its own.
    @Test func controlCharactersAreShownAndNotSent() throws {
        struct Reply: Error, CustomStringConvertible { let description: String }
        let failure = CallbackFailure(
            error: Reply(description: "\u{1B}[2J\r\u{9B}31m gone\n\tsecond line\u{7F}\0"),
            kind: .callFromThread,
            label: "one\ntwo\u{7}",
            registeredAt: Self.site
        )
        #expect(
            "\(failure)" == """
                Unhandled error in a call from a thread "one\\u{A}two\\u{7}" (Countdown.swift:14): \
                \\u{1B}[2J\\u{D}\\u{9B}31m gone
                \tsecond line\\u{7F}\\u{0}
                """
        )
        let reactor = try makeReactor()
        reactor.callLater(.seconds(5)) {}.label = "one\ntwo"
        #expect(reactor.snapshot().description.contains(#"a delayed call "one\u{A}two""#))
    }

    @Test func aReportTellsTheConsequenceOnALineOfItsOwn() {
        let watcher = CallbackFailure(
            error: Mishap(1),
            kind: .ioWatcher(descriptor: 0, interest: .read),
            registeredAt: Self.site,
            consequence: .watcherCancelled
        )
        #expect(
            "\(watcher)" == """
                Unhandled error in a reader of descriptor 0 (Countdown.swift:14): mishap 1
                  The watcher was cancelled.
                """
        )
        let loopingCall = CallbackFailure(
            error: Mishap(2),
            kind: .loopingCall(every: .seconds(2)),
            registeredAt: Self.site,
            consequence: .loopingCallStopped
        )
        #expect(
            "\(loopingCall)" == """
                Unhandled error in a looping call (Countdown.swift:14, every 2.0 s): mishap 2
                  The looping call was stopped.
                """
        )
    }

    @Test func aCallSiteIsTheFileWithoutItsModule() {
        #expect(CallSite(fileID: "Module/File.swift", line: 1).description == "File.swift:1")
        #expect(CallSite(fileID: "Module/Folder/File.swift", line: 1).description == "File.swift:1")
        #expect(CallSite(fileID: "File.swift", line: 7).description == "File.swift:7")
        #expect(CallSite(fileID: "Module/File.swift", line: .max).line == .max)
    }

    /// A person has to know what to do next.
    @Test func errorsAreSentencesThatNameTheValueAndWhatToDo() {
        #expect(
            "\(ReactorError.alreadyRunning)"
                == "run() was called while the reactor runs; for one more pass from inside a callback, use runOnce()."
        )
        #expect(
            "\(ReactorError.notRunning)"
                == "stop() was called while the reactor does not run; call it from a callback, or check isRunning."
        )
        #expect(
            "\(ReactorError.alreadyInstalled(.poll))"
                == "The shared reactor is in place already, with the backend poll; call install before its first use."
        )
        #expect(
            "\(ReactorError.backendUnavailable("uring", available: [.epoll, .poll]))"
                == "There is no backend \"uring\" here; expected one of: epoll, poll."
        )
        #expect("\(DelayedCallError.alreadyCalled)".hasPrefix("The delayed call was called already; "))
        #expect("\(DelayedCallError.alreadyCancelled)".hasPrefix("The delayed call was cancelled already; "))
        #expect("\(LoopingCallError.negativeInterval(.seconds(-3)))".contains("-3.0 seconds"))
    }
}
