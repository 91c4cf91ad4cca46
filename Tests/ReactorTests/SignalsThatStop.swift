import Dispatch
import Testing

@testable import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// SIGINT and SIGTERM. Signals are the whole process's, so each of these runs in one of its own.
@Suite(.timeLimit(.minutes(15))) struct SignalsThatStop {
    private static let both = [SIGINT, SIGTERM]

    @Test(arguments: both)
    func aSignalStopsARunningReactor(signal: Int32) async {
        await #expect(processExitsWith: .success) { [signal] in
            let reactor = try makeReactor()
            var events: [String] = []
            reactor.addSystemEventTrigger(.before, .shutdown) { events.append("shutdown") }
            for _ in 0..<3 {
                reactor.callLater(.zero) { kill(getpid(), signal) }
                let reason = try reactor.runOrExit()
                #expect(reason == .signal(signal))
                #expect(!reactor.isRunning)
            }
            #expect(events == ["shutdown", "shutdown", "shutdown"])
        }
    }

    @Test(arguments: both)
    func aSignalStopsAReactorThatSleeps(signal: Int32) async {
        await #expect(processExitsWith: .success) { [signal] in
            let reactor = try makeReactor()
            let handle = reactor.handle
            reactor.callWhenRunning {
                DispatchQueue(label: "another thread").async {
                    // Two passes later the loop has nothing to do but to sleep.
                    let passed = DispatchSemaphore(value: 0)
                    for _ in 0..<2 {
                        handle.callFromThread { _ = passed.signal() }
                        passed.wait()
                    }
                    kill(getpid(), signal)
                }
            }
            try reactor.runOrExit()
        }
    }

    @Test(arguments: both)
    func aSignalInANestedPassStopsTheRun(signal: Int32) async {
        await #expect(processExitsWith: .success) { [signal] in
            let reactor = try makeReactor()
            reactor.callLater(.zero) {
                kill(getpid(), signal)
                reactor.runOnce(timeout: .seconds(3_600))
            }
            try reactor.runOrExit()
        }
    }

    @Test(arguments: both)
    func whatIsDueInThePassOfASignalIsStillCalled(signal: Int32) async {
        await #expect(processExitsWith: .success) { [signal] in
            let reactor = try makeReactor()
            var made: [Int] = []
            reactor.callLater(.zero) { kill(getpid(), signal) }
            for number in 0..<3 { reactor.callLater(.zero) { made.append(number) } }
            try reactor.runOrExit()
            #expect(made == [0, 1, 2])
        }
    }

    @Test(arguments: both)
    func aSignalWhileTheRunBeginsStopsIt(signal: Int32) async {
        await #expect(processExitsWith: .success) { [signal] in
            let reactor = try makeReactor()
            let trigger = reactor.addSystemEventTrigger(.before, .startup) { raiseHere(signal) }
            try reactor.runOrExit()
            trigger.cancel()
        }
    }

    /// Whoever is impatient presses Ctrl-C twice. The second one is for this run, too.
    @Test(arguments: both)
    func aSignalWhileTheRunEndsDoesNotStopTheNextOne(signal: Int32) async {
        await #expect(processExitsWith: .success) { [signal] in
            let reactor = try makeReactor()
            reactor.callLater(.zero) {
                try reactor.stop()
                raiseHere(signal)
            }
            let trigger = reactor.addSystemEventTrigger(.after, .shutdown) { raiseHere(signal) }
            // A program that goes on after its own stop has to know.
            let reason = try reactor.runOrExit()
            #expect(reason == .signal(signal))
            trigger.cancel()

            var made = 0
            reactor.callLater(.milliseconds(10)) {
                made += 1
                try reactor.stop()
            }
            try reactor.runOrExit()
            #expect(made == 1)
        }
    }

    /// No pass follows that could meet it.
    @Test(arguments: both)
    func aSignalWhileTheShutdownTriggersAreCalledIsTold(signal: Int32) async {
        await #expect(processExitsWith: .success) { [signal] in
            let reactor = try makeReactor()
            var calls = 0
            try reactor.addSignalWatcher(signal) { calls += 1 }
            reactor.callLater(.zero) { try reactor.stop() }
            reactor.addSystemEventTrigger(.after, .shutdown) { raiseHere(signal) }
            let reason = try reactor.runOrExit()
            #expect(reason == .signal(signal))
            #expect(calls == 0)
            // Who else watches it is told as ever, once, though it comes again.
            raiseHere(signal)
            for _ in 0..<3 { reactor.runOnce() }
            #expect(calls == 1)
        }
    }

    // MARK: What the process did with them before

    @Test(arguments: both)
    func afterTheRunASignalEndsTheProcessAgain(signal: Int32) async {
        await #expect(processExitsWith: .signal(signal)) { [signal] in
            let reactor = try makeReactor()
            reactor.callLater(.zero) { try reactor.stop() }
            try reactor.runOrExit()
            raiseHere(signal)
            exit(7)
        }
    }

    @Test(arguments: both)
    func theHandlerThatWasThereComesBackWithItsFlags(signal: Int32) async {
        await #expect(processExitsWith: .success) { [signal] in
            installCountingHandler(signal)
            let before = disposition(of: signal)
            let reactor = try makeReactor()
            for round in 1...3 {
                reactor.callLater(.zero) { kill(getpid(), signal) }
                try reactor.runOrExit()
                // In the run the signal was the reactor's.
                #expect(unsafe received == sig_atomic_t(round - 1))
                #expect(disposition(of: signal) == before)
                raiseHere(signal)
                #expect(unsafe received == sig_atomic_t(round))
            }
        }
    }

    @Test(arguments: both)
    func aRunThatDeclinesLeavesTheHandlerInPlace(signal: Int32) async {
        await #expect(processExitsWith: .success) { [signal] in
            installCountingHandler(signal)
            let before = disposition(of: signal)
            let reactor = try makeReactor()
            var isStillRunning = false
            reactor.callLater(.zero) {
                #expect(disposition(of: signal) == before)
                raiseHere(signal)
                reactor.callLater(.milliseconds(10)) {
                    isStillRunning = true
                    try reactor.stop()
                }
            }
            try reactor.run(installSignalHandlers: false)
            #expect(isStillRunning)
            #expect(unsafe received == 1)
            #expect(disposition(of: signal) == before)
        }
    }

    @Test(arguments: both)
    func aRunThatDeclinesIsEndedWithTheProcess(signal: Int32) async {
        await #expect(processExitsWith: .signal(signal)) { [signal] in
            let reactor = try makeReactor()
            reactor.callLater(.zero) { raiseHere(signal) }
            reactor.callLater(.milliseconds(10)) { exit(7) }
            try reactor.run(installSignalHandlers: false)
        }
    }

    /// A shell starts background jobs with SIGINT ignored, `nohup` does the like: they are not to be stopped by it.
    @Test(arguments: both)
    func anIgnoredSignalStaysIgnored(signal: Int32) async {
        await #expect(processExitsWith: .success) { [signal] in
            ignoreSignal(signal)
            let before = disposition(of: signal)
            let other = signal == SIGINT ? SIGTERM : SIGINT
            let reactor = try makeReactor()
            var isStillRunning = false
            reactor.callLater(.zero) {
                #expect(disposition(of: signal) == before)
                kill(getpid(), signal)
                reactor.callLater(.milliseconds(10)) {
                    isStillRunning = true
                    // The other one is not ignored for that.
                    kill(getpid(), other)
                }
            }
            try reactor.runOrExit()
            #expect(isStillRunning)
            #expect(disposition(of: signal) == before)
        }
    }

    @Test func passesOutsideOfARunLeaveSignalsAlone() async {
        await #expect(processExitsWith: .success) {
            let before = SignalsThatStop.both.map(disposition)
            let reactor = try makeReactor()
            var during: [[UInt]] = []
            reactor.callLater(.zero) { during = SignalsThatStop.both.map(disposition) }
            #expect(reactor.runOnce() == 1)
            #expect(during == before)
            #expect(SignalsThatStop.both.map(disposition) == before)
        }
    }

    @Test func aRunThatFailsToBeginLeavesSignalsAlone() async {
        await #expect(processExitsWith: .success) {
            let reactor = try makeReactor()
            reactor.callLater(.zero) {
                let before = SignalsThatStop.both.map(disposition)
                #expect(throws: ReactorError.alreadyRunning) { try reactor.run() }
                #expect(SignalsThatStop.both.map(disposition) == before)
                kill(getpid(), SIGTERM)
            }
            try reactor.runOrExit()
        }
    }

    // MARK: Others who want them

    @Test(arguments: both)
    func aSignalWatcherIsCalledAndTheReactorStopsAllTheSame(signal: Int32) async {
        await #expect(processExitsWith: .success) { [signal] in
            let reactor = try makeReactor()
            var received = 0
            let watcher = try reactor.addSignalWatcher(signal) { received += 1 }
            reactor.callLater(.zero) { kill(getpid(), signal) }
            try reactor.runOrExit()
            #expect(received == 1)
            #expect(watcher.isActive)
            watcher.cancel()
        }
    }

    /// A signal is for one reactor at a time: the first to run.
    @Test(arguments: both)
    func aSecondReactorRunsWithoutTheSignalsOfTheFirst(signal: Int32) async {
        await #expect(processExitsWith: .success) { [signal] in
            let first = try makeReactor()
            let second = try makeReactor()
            var events: [String] = []
            first.callLater(.zero) {
                second.callLater(.zero) { kill(getpid(), signal) }
                second.callLater(.milliseconds(10)) {
                    events.append("second stops by itself")
                    try second.stop()
                }
                try second.run()
                events.append("second over")
            }
            try first.runOrExit()
            #expect(events == ["second stops by itself", "second over"])

            // Now they are free for the second.
            second.callLater(.zero) { kill(getpid(), signal) }
            try second.runOrExit()
        }
    }
}

extension Reactor {
    /// Runs with its signal handlers; ends the process with status 9 where nothing stops it within five minutes.
    @discardableResult
    fileprivate func runOrExit() throws -> StopReason {
        let watchdog = callLater(IOTest.patience) { exit(9) }
        let reason = try run()
        try watchdog.cancel()
        return reason
    }
}

/// How many signals `installCountingHandler`'s handler got.
nonisolated(unsafe) private var received: sig_atomic_t = 0

/// With flags that a disposition put back carelessly would lose.
private func installCountingHandler(_ signal: Int32) {
    var action = sigaction()
    #if canImport(Darwin)
        unsafe action.__sigaction_u.__sa_handler = { _ in unsafe received += 1 }
    #else
        unsafe action.__sigaction_handler.sa_handler = { _ in unsafe received += 1 }
    #endif
    action.sa_flags = SA_RESTART | SA_NODEFER
    unsafe sigaddset(&action.sa_mask, SIGUSR2)
    unsafe sigaction(signal, &action, nil)
}

/// Sends the signal to this thread, and returns when it has been taken.
///
/// The worker threads of libdispatch, in which tests run, hold all signals back.
private func raiseHere(_ signal: Int32) {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, signal)
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    raise(signal)
}

private func ignoreSignal(_ signal: Int32) {
    var action = sigaction()
    #if canImport(Darwin)
        unsafe action.__sigaction_u.__sa_handler = SIG_IGN
    #else
        unsafe action.__sigaction_handler.sa_handler = SIG_IGN
    #endif
    unsafe sigaction(signal, &action, nil)
}

/// Handler, flags and one bit of the mask: what tells two dispositions of these tests apart.
private func disposition(of signal: Int32) -> [UInt] {
    var action = sigaction()
    unsafe sigaction(signal, nil, &action)
    #if canImport(Darwin)
        let handler = unsafe unsafeBitCast(action.__sigaction_u.__sa_handler, to: UInt.self)
    #else
        let handler = unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: UInt.self)
    #endif
    return [handler, UInt(bitPattern: Int(action.sa_flags)), unsafe sigismember(&action.sa_mask, SIGUSR2) == 1 ? 1 : 0]
}
