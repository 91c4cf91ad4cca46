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

/// A signal is the process's that got it, wherever it was met when that one forked.
@Suite(.keepsFiles) struct SignalsAfterAFork {
    @Test func signalsAreDeliveredToTheProcessThatGotThem() async {
        await #expect(processExitsWith: .success) {
            try SignalsAfterAFork.signalsAreDeliveredToTheProcessThatGotThem(IOTest.OwnProcess())
        }
    }

    private static func signalsAreDeliveredToTheProcessThatGotThem(_ process: IOTest.OwnProcess) throws {
        let reactor = try IOTest.reactor()
        var calls = 0
        try reactor.addSignalWatcher(SIGUSR1) { calls += 1 }
        reactor.runOnce()
        let child = test_fork()
        if child == 0 {
            io_raise(SIGUSR1)
            _exit(IOTest.run(reactor) { calls == 1 } ? 0 : 1)
        }
        let status = io_wait(child)
        #expect(status == 0, "the child ended with \(status)")
        reactor.runOnce()
        #expect(calls == 0)
        io_raise(SIGUSR1)
        #expect(IOTest.run(reactor) { calls == 1 })
    }

    @Test func aSignalThatCameBeforeTheForkIsTheParentsAlone() async {
        await #expect(processExitsWith: .success) {
            try SignalsAfterAFork.aSignalThatCameBeforeTheForkIsTheParentsAlone(IOTest.OwnProcess())
        }
    }

    private static func aSignalThatCameBeforeTheForkIsTheParentsAlone(_ process: IOTest.OwnProcess) throws {
        let reactor = try IOTest.reactor()
        var calls = 0
        try reactor.addSignalWatcher(SIGUSR1) { calls += 1 }
        reactor.runOnce()
        io_raise(SIGUSR1)
        let child = test_fork()
        for _ in 0..<3 { reactor.runOnce() }
        if child == 0 { _exit(Int32(calls)) }
        #expect(calls == 1)
        let status = io_wait(child)
        #expect(status == 0, "the child was told \(status)")
    }

    /// The first of its watchers forks, and the second is called in the parent alone.
    @Test func aSignalThatWasMetBeforeTheForkIsTheParentsAlone() async {
        await #expect(processExitsWith: .success) {
            try SignalsAfterAFork.aSignalThatWasMetBeforeTheForkIsTheParentsAlone(IOTest.OwnProcess())
        }
    }

    private static func aSignalThatWasMetBeforeTheForkIsTheParentsAlone(_ process: IOTest.OwnProcess) throws {
        let reactor = try IOTest.reactor()
        var child: pid_t = -1
        var calls = 0
        try reactor.addSignalWatcher(SIGUSR1) { if child < 0 { child = test_fork() } }
        try reactor.addSignalWatcher(SIGUSR1) { calls += 1 }
        io_raise(SIGUSR1)
        for _ in 0..<3 { reactor.runOnce() }
        if child == 0 {
            guard calls == 0 else { _exit(1) }
            io_raise(SIGUSR1)
            _exit(IOTest.run(reactor) { calls == 1 } ? 0 : 2)
        }
        #expect(calls == 1)
        let status = io_wait(child)
        #expect(status == 0, "the child ended with \(status)")
    }
}
