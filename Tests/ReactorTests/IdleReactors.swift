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

/// A reactor that has nothing to do sleeps, whatever it has behind it.
@Suite struct IdleReactors {
    /// What a reactor may have been through before it has nothing to do.
    enum Past: CaseIterable {
        case nothing, distantCall, callThatIsNever, cancelledCalls, callsThatWereMade, callThatWasPutOff, timeout
        case quietDescriptor, callFromThread, stoppedLoopingCall, anotherRun
    }

    @Test(.timeLimit(.minutes(15)), arguments: Past.allCases)
    func anIdleReactorUsesNoProcessorTime(past: Past) throws {
        let reactor = try makeReactor()
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        defer { for end in ends { close(end) } }

        switch past {
        case .nothing: break
        case .distantCall: reactor.callLater(.seconds(3_600)) {}
        case .callThatIsNever: reactor.callLater(Duration(attoseconds: .max)) {}
        case .cancelledCalls:
            let calls = (0..<100).map { reactor.callLater(.milliseconds($0)) {} }
            reactor.callLater(.zero) { for call in calls where call.isActive { try call.cancel() } }
        case .callsThatWereMade: for number in 0..<100 { reactor.callLater(.microseconds(number)) {} }
        case .callThatWasPutOff:
            var call: DelayedCall?
            // Asked for first, so that it is made first.
            reactor.callLater(.zero) { try call?.reset(to: .seconds(3_600)) }
            call = reactor.callLater(.milliseconds(5)) {}
        case .timeout: reactor.runOnce(timeout: .milliseconds(1))
        case .quietDescriptor: try reactor.addReader(ends[0]) { Issue.record("nothing was written") }
        case .callFromThread: for _ in 0..<100 { reactor.handle.callFromThread {} }
        case .stoppedLoopingCall:
            let loopingCall = LoopingCall(on: reactor) {}
            try loopingCall.start(every: .milliseconds(1))
            reactor.callLater(.milliseconds(3)) { loopingCall.stop() }
        case .anotherRun:
            reactor.callLater(.milliseconds(1)) { try reactor.stop() }
            try reactor.runUntilStopped()
        }

        // The sleep of this thread is no synchronisation: it is how long the reactor is observed for. It begins when
        // the reactor's past, which takes less than 10 ms, is over.
        let handle = reactor.handle
        var before = Usage()
        var pollsBefore = 0
        reactor.callLater(.milliseconds(20)) {
            before = Usage.ofThisThread
            pollsBefore = IOTest.polls(of: reactor)
            DispatchQueue(label: "another thread").async {
                usleep(250_000)
                handle.stop()
            }
        }
        try reactor.runUntilStopped()
        let after = Usage.ofThisThread

        // A loop that spins, or wakes up each millisecond, has many more, and where it has the processor for itself more
        // than twice as much of the rest. What a pass costs is the machine's business.
        #expect(IOTest.polls(of: reactor) - pollsBefore <= IOTest.fewPolls)
        #expect(after.processorTime - before.processorTime < .milliseconds(100))
        #expect(after.sleeps - before.sleeps < 100)
    }
}

/// What a thread has used.
private struct Usage {
    var processorTime = Duration.zero
    /// How often it went to sleep of its own accord; 0 where the system does not tell.
    var sleeps = 0

    static var ofThisThread: Usage {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        var usage = Usage(processorTime: .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec)))
        #if os(Linux)
            var resources = rusage()
            // RUSAGE_THREAD, which Swift's module of the C library leaves out.
            unsafe getrusage(1, &resources)
            usage.sleeps = resources.ru_nvcsw
        #endif
        return usage
    }
}
