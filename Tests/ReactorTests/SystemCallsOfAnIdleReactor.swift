import CTestSupport
import Testing

@testable import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A reactor with nothing to do does nothing.
@Suite(.keepsFiles) struct SystemCallsOfAnIdleReactor {
    @Test func anIdleReactorSleepsInOneSystemCallAndUsesNoProcessorTime() throws {
        try #require(io_raise_descriptor_limit() > 6_000, "the limit of open descriptors is too low")
        let reactor = try IOTest.reactor()
        let pipes = try (0..<1_000).map { _ in try IOTest.Pipe() }
        for pipe in pipes { try reactor.addReader(pipe.reader.number) {} }
        reactor.runOnce()
        let processorTime = io_thread_cpu_time()
        #expect(IOTest.pollsWhileIdle(reactor, for: .milliseconds(500)) <= IOTest.fewPolls)
        #expect(io_thread_cpu_time() - processorTime < 250_000_000)
        reactor.removeAll()
    }

    #if os(Linux)
        private static let systemCalls = SystemCallTrace.isAvailable

        @Test(.enabled(if: SystemCallsOfAnIdleReactor.systemCalls, "strace is missing, or may not trace"))
        func anIdleReactorWithAThousandWatchersMakesNoSystemCallButTheOneInWhichItSleeps() async {
            await #expect(processExitsWith: .success) {
                try SystemCallsOfAnIdleReactor
                    .anIdleReactorWithAThousandWatchersMakesNoSystemCallButTheOneInWhichItSleeps(IOTest.OwnProcess())
            }
        }

        private static func anIdleReactorWithAThousandWatchersMakesNoSystemCallButTheOneInWhichItSleeps(
            _ process: IOTest.OwnProcess
        ) throws {
            _ = io_raise_descriptor_limit()
            let reactor = try IOTest.reactor()
            let pipes = try (0..<1_000).map { _ in try IOTest.Pipe() }
            for pipe in pipes { try reactor.addReader(pipe.reader.number) {} }
            let idle = reactor.callLater(.seconds(1_000)) {}
            reactor.runOnce(timeout: .milliseconds(1))
            let trace = try SystemCallTrace()
            // Its last pass is the one in which it is stopped.
            let handle = reactor.handle
            let thread = IOTest.Thread {
                // No synchronisation: it is how long the reactor is watched doing nothing.
                usleep(300_000)
                handle.stop()
            }
            io_mark(1)
            try reactor.run(installSignalHandlers: false)
            io_mark(2)
            thread.join()
            let calls = try trace.end(from: "mark 1.", to: "mark 2.")
            // One to sleep in, one that takes the wake-up, and for poll and for debug builds one more before each
            // sleep; a second round where an older alarm goes off.
            #expect(calls.count <= 8, "\(calls)")
            #expect(calls.contains { $0.hasPrefix("epoll_") || $0.hasPrefix("poll") || $0.contains("select") })
            try idle.cancel()
        }
    #endif
}

#if os(Linux)
    /// The system calls that this thread makes, seen by strace(1).
    private struct SystemCallTrace {
        private let path: String
        private let tracer: pid_t

        /// Whether strace is there and may trace, found out in a process of its own by the first who asks.
        static let isAvailable: Bool = io_can_strace()

        init() throws {
            path = "/tmp/reactor-idle-\(getpid()).strace"
            tracer = unsafe io_strace_self(path)
            try #require(tracer > 0, "strace could not attach")
        }

        /// The names of the calls between two marks.
        func end(from first: String, to last: String) throws -> [String] {
            io_end_strace(tracer)
            defer { _ = unsafe unlink(path) }
            let thread = "\(io_thread_number()) "
            var calls: [String] = []
            var isBetween = false
            for line in try lines() where line.hasPrefix(thread) {
                if line.contains(first) {
                    isBetween = true
                } else if line.contains(last) {
                    return calls
                } else if isBetween {
                    let call = line.dropFirst(thread.count).drop { $0 == " " }
                    let name = call.prefix { $0 != "(" }
                    // Where threads interrupt each other in the trace a call has two lines. The allocator's calls, and
                    // the one with which this thread finds its number, are not the reactor's.
                    let isOthers =
                        call.hasPrefix("<...") || ["gettid", "brk", "mmap", "munmap", "madvise"].contains(name)
                    if !isOthers { calls.append(String(name)) }
                }
            }
            Issue.record("the marks are not in the trace")
            return calls
        }

        private func lines() throws -> [Substring] {
            let file = try IOTest.File(unsafe open(path, O_RDONLY))
            var text: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while case let count = unsafe read(file.number, &buffer, buffer.count), count > 0 {
                text += buffer[..<count]
            }
            return String(decoding: text, as: UTF8.self).split(separator: "\n")
        }
    }
#endif
