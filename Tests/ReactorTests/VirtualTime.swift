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

@Suite struct VirtualTime {
    @Test func timeStandsStillUntilItIsMoved() throws {
        let clock = VirtualClock(now: ReactorInstant(nanoseconds: 5))
        let reactor = try makeReactor(clock: clock)
        reactor.callLater(.nanoseconds(1)) { Issue.record("time has passed") }
        for _ in 0..<10 { #expect(reactor.runOnce() == 0) }
        #expect(reactor.now == ReactorInstant(nanoseconds: 5))
        clock.advance(by: .seconds(-3))
        clock.advance(to: ReactorInstant(nanoseconds: 2))
        #expect(reactor.now == ReactorInstant(nanoseconds: 5))
    }

    @Test(.timeLimit(.minutes(15)))
    func aYearOfCallsIsOverAtOnceAndToTheNanosecond() throws {
        let clock = VirtualClock()
        let reactor = try makeReactor(clock: clock)
        var wrong: [String] = []
        var made = 0
        var random = SplitMix64(seed: 4)
        for _ in 0..<1_000 {
            let deadline = ReactorInstant(nanoseconds: random.next() % 31_536_000_000_000_000)
            reactor.callLater(clock.now.duration(to: deadline)) {
                made += 1
                if clock.now != deadline { wrong.append("\(deadline) at \(clock.now)") }
                if made == 1_000 { try reactor.stop() }
            }
        }
        try reactor.runUntilStopped()
        #expect(wrong == [])
        #expect(made == 1_000)
    }

    @Test func aPassMovesTimeNoFurtherThanItsTimeout() throws {
        let clock = VirtualClock()
        let start = clock.now
        let reactor = try makeReactor(clock: clock)
        reactor.callLater(.seconds(10)) {}
        #expect(reactor.runOnce(timeout: .seconds(4)) == 0)
        #expect(clock.now == start.advanced(by: .seconds(4)))
        #expect(reactor.runOnce(timeout: .seconds(6)) == 1)
        #expect(clock.now == start.advanced(by: .seconds(10)))
    }

    @Test func aReadyDescriptorComesBeforeTimeIsMoved() throws {
        let clock = VirtualClock()
        let start = clock.now
        let reactor = try makeReactor(clock: clock)
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        var events: [String] = []
        reactor.callLater(.seconds(1)) { events.append("call") }
        let watcher = try reactor.addReader(ends[0]) { readiness in
            events.append("read at \(start.duration(to: clock.now))")
            readiness.watcher.cancel()
        }
        try #require(unsafe write(ends[1], "x", 1) == 1)
        reactor.runOnce(timeout: .seconds(5))
        reactor.runOnce(timeout: .seconds(5))
        #expect(events == ["read at 0.0 seconds", "call"])
        #expect(!watcher.isActive)
    }

    #if os(Linux)
        /// With no call to move on to, the loop waits for threads and descriptors, and time stands still. A signal that
        /// some handler of the process gets ends the system call early; so does stopping and continuing the process.
        @Test(.timeLimit(.minutes(15)))
        func anInterruptedSleepMovesNothing() async {
            await #expect(processExitsWith: .success) {
                var action = sigaction()
                unsafe action.__sigaction_handler.sa_handler = { _ in }
                unsafe sigaction(SIGUSR1, &action, nil)
                // The worker threads of libdispatch, in which tests run, hold all signals back.
                var signals = sigset_t()
                unsafe sigemptyset(&signals)
                unsafe sigaddset(&signals, SIGUSR1)
                unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)

                let clock = VirtualClock(now: ReactorInstant(nanoseconds: 1_000))
                let reactor = try makeReactor(clock: clock)
                var made = 0
                let never = reactor.callLater(Duration(attoseconds: .max)) { made += 1 }
                let waits = WaitCounter()
                reactor.addInstrument(waits)
                let ended = waits.ended
                let handle = reactor.handle
                let sleeper = pthread_self()
                reactor.callWhenRunning {
                    DispatchQueue(label: "another thread").async {
                        // Until fifty have met it asleep: after the wait that is over already, nothing else ends one.
                        while ended.value <= 50 {
                            pthread_kill(sleeper, SIGUSR1)
                            sched_yield()
                        }
                        handle.stop()
                    }
                }
                try reactor.run(installSignalHandlers: false)
                #expect(made == 0)
                #expect(never.isActive)
                #expect(clock.now == ReactorInstant(nanoseconds: 1_000))
            }
        }
    #endif
}

#if os(Linux)
    /// Counts the waits that are over.
    private final class WaitCounter: ReactorInstrument {
        let ended = IOTest.Counter()

        func waitEnded(at time: ReactorInstant) { ended.increment() }
    }
#endif
