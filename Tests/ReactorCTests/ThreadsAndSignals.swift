import CReactor
import CTestSupport
import Testing

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What other threads may do, and what signals come to.
struct ThreadsAndSignals {
    @Test func everyCallOfAThreadIsMadeInItsOrder() throws {
        let loop = try Loop()
        var order: [Int] = []
        let callbacks = (0..<1_000).map { number in
            Callback { _ in
                order.append(number)
                return 0
            }
        }
        onAnotherThread {
            for callback in callbacks { #expect(loop.fromThread(callback) == 0) }
        }
        #expect(loop.run { order.count == 1_000 })
        #expect(order == Array(0..<1_000))
        #expect(callbacks.allSatisfy { $0.destroyed == 1 })
    }

    @Test func aCallFromAThreadEndsTheSleep() throws {
        let loop = try Loop()
        let callback = Callback { [unowned loop] _ in loop.stop() }
        let thread = Thread { loop.fromThread(callback) }
        #expect(loop.run() == 0)
        thread.join()
        #expect(callback.calls == 1)
    }

    @Test func anotherThreadMayStopTheRun() throws {
        let loop = try Loop()
        _ = loop.whenRunning(
            Callback { _ in
                onAnotherThread { #expect(loop.stop() == 0) }
                return 0
            }
        )
        #expect(loop.run() == 0)
        onAnotherThread { #expect(loop.stop() == 0) }
        #expect(loop.run() == 0)
    }

    @Test func anotherThreadMayHaveAReferenceButNotTheLast() throws {
        let loop = try Loop()
        let callback = Callback()
        loop.later(after: patience, callback)
        onAnotherThread {
            #expect(reactor_unref(loop.pointer) == -EPERM)
            #expect(reactor_ref(loop.pointer) == 0)
            #expect(reactor_unref(loop.pointer) == 0)
            #expect(reactor_unref(loop.pointer) == -EPERM)
        }
        #expect(callback.destroyed == 0)
        #expect(loop.sourceCount == 1)
        #expect(loop.release() == 0)
        #expect(callback.destroyed == 1)
    }

    @Test func eachThreadMayHaveAReactor() throws {
        var calls = 0
        onAnotherThread {
            guard let loop = try? Loop() else { return }
            loop.later(
                Callback { _ in
                    calls += 1
                    return loop.stop()
                }
            )
            #expect(loop.run() == 0)
        }
        #expect(calls == 1)
    }

    @Test func aSignalCallsBackAndWhatWasThereComesBack() async throws {
        await #expect(processExitsWith: .success) {
            try ThreadsAndSignals.aSignalCallsBackAndWhatWasThereComesBack(OwnProcess())
        }
    }

    private static func aSignalCallsBackAndWhatWasThereComesBack(_ process: OwnProcess) throws {
        io_unblock_signals()
        io_count_signals(SIGHUP)
        let loop = try Loop()
        var numbers: [Int32] = []
        let callback = Callback {
            numbers.append($0.number)
            return 0
        }
        let source = loop.signal(SIGHUP, callback)
        io_raise(SIGHUP)
        #expect(loop.run { callback.calls == 1 })
        #expect(numbers == [SIGHUP])
        #expect(io_signal_count(SIGHUP) == 0)
        let other = try Loop()
        #expect(other.signal(SIGHUP, Callback()).result == -EBUSY)
        #expect(source.cancel() == 0)
        io_raise(SIGHUP)
        #expect(io_signal_count(SIGHUP) == 1)
    }

    @Test func noSignalIsTouchedUnlessItIsAskedFor() async throws {
        await #expect(processExitsWith: .success) {
            try ThreadsAndSignals.noSignalIsTouchedUnlessItIsAskedFor(OwnProcess())
        }
    }

    private static func noSignalIsTouchedUnlessItIsAskedFor(_ process: OwnProcess) throws {
        for signal in [SIGINT, SIGTERM, SIGCHLD, SIGPIPE, SIGHUP] { io_default_signal(signal) }
        let loop = try Loop()
        var dispositions: [io_disposition] = []
        loop.later(
            Callback { [unowned loop] _ in
                dispositions = [SIGINT, SIGTERM, SIGCHLD, SIGPIPE, SIGHUP].map(io_disposition)
                return loop.stop()
            }
        )
        #expect(loop.run() == 0)
        #expect(dispositions == Array(repeating: io_is_default, count: 5))
    }
}
