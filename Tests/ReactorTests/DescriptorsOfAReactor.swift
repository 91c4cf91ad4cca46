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

/// The descriptors that a reactor opens for itself. Each test counts those of its process, and so has one of its own.
@Suite(.keepsFiles) struct DescriptorsOfAReactor {
    @Test func aReactorThatGoesClosesItsOwn() async {
        await #expect(processExitsWith: .success) {
            try DescriptorsOfAReactor.aReactorThatGoesClosesItsOwn(IOTest.OwnProcess())
        }
    }

    private static func aReactorThatGoesClosesItsOwn(_ process: IOTest.OwnProcess) throws {
        let pipe = try IOTest.Pipe()
        let before = open().count
        for _ in 0..<20 {
            let reactor = try IOTest.reactor()
            try reactor.addReader(pipe.reader.number) {}
            reactor.callLater(.milliseconds(1)) {}
            reactor.runOnce(timeout: .milliseconds(5))
        }
        #expect(open().count < before + fewerThanThoseOfTwenty)
    }

    @Test func whereNoneIsLeftForThemTheReactorSaysSo() async {
        await #expect(processExitsWith: .success) {
            try DescriptorsOfAReactor.whereNoneIsLeftForThemTheReactorSaysSo(IOTest.OwnProcess())
        }
    }

    private static func whereNoneIsLeftForThemTheReactorSaysSo(_ process: IOTest.OwnProcess) throws {
        // It is a million in some places, and where another test has raised it.
        io_lower_descriptor_limit(1_000)
        var fillers: [IOTest.File] = []
        while case let number = io_open_null_device(), number >= 0 { fillers.append(try IOTest.File(number)) }
        var refusals = 0
        var reactor: Reactor?
        while reactor == nil, !fillers.isEmpty {
            do {
                reactor = try IOTest.reactor()
            } catch let error as ReactorError {
                #expect(error == .outOfDescriptors)
                refusals += 1
            }
            fillers.removeLast().close()
        }
        // For each of those that it needs, one was missing once.
        #expect(refusals >= 2)
        var isCalled = false
        reactor?.callLater(.milliseconds(1)) { isCalled = true }
        #expect(try IOTest.run(#require(reactor)) { isCalled })
    }

    /// A daemon closes standard input when it pleases; what it opens next is to get that number.
    @Test func noneBecomesStandardInput() async {
        await #expect(processExitsWith: .success) {
            try DescriptorsOfAReactor.noneBecomesStandardInput(IOTest.OwnProcess())
        }
    }

    private static func noneBecomesStandardInput(_ process: IOTest.OwnProcess) throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        var calls = 0
        try reactor.addReader(pipe.reader.number) {
            calls += 1
            _ = io_read_byte(pipe.reader.number)
        }
        reactor.runOnce()
        close(STDIN_FILENO)
        if IOTest.backend == .epoll { _ = try reactor.pollDescriptor }
        #expect(!io_is_open(STDIN_FILENO))
        reactor.loop.rebuild()
        reactor.runOnce()
        #expect(!io_is_open(STDIN_FILENO))
        let child = test_fork()
        pipe.writer.write()
        reactor.callLater(.milliseconds(1)) {}
        for _ in 0..<2 { reactor.runOnce() }
        if child == 0 { _exit(io_is_open(STDIN_FILENO) ? 1 : 0) }
        let status = io_wait(child)
        #expect(status == 0, "the child ended with \(status)")
        pipe.writer.write()
        #expect(IOTest.run(reactor) { calls > 0 })
    }

    @Test func theHandleOfAWatcherDoesNotKeepThemOpen() async {
        await #expect(processExitsWith: .success) {
            try DescriptorsOfAReactor.theHandleOfAWatcherDoesNotKeepThemOpen(IOTest.OwnProcess())
        }
    }

    private static func theHandleOfAWatcherDoesNotKeepThemOpen(_ process: IOTest.OwnProcess) throws {
        let pipe = try IOTest.Pipe()
        let before = open().count
        var watchers: [IOWatcher] = []
        var signalWatchers: [SignalWatcher] = []
        for _ in 0..<20 {
            let reactor = try IOTest.reactor()
            watchers.append(try reactor.addReader(pipe.reader.number) {})
            signalWatchers.append(try reactor.addSignalWatcher(SIGUSR1) {})
            reactor.runOnce()
        }
        #expect(open().count < before + fewerThanThoseOfTwenty)
        #expect(watchers.allSatisfy { !$0.isActive })
        #expect(signalWatchers.allSatisfy { !$0.isActive })
    }

    @Test(arguments: [false, true])
    func theyAreClosedInAProgramThatTakesThisOnesPlace(afterAFork: Bool) async {
        await #expect(processExitsWith: .success) { [afterAFork] in
            try DescriptorsOfAReactor.theyAreClosedInAProgramThatTakesThisOnesPlace(
                IOTest.OwnProcess(),
                afterAFork: afterAFork
            )
        }
    }

    private static func theyAreClosedInAProgramThatTakesThisOnesPlace(
        _ process: IOTest.OwnProcess,
        afterAFork: Bool
    ) throws {
        let before = open()
        let reactor = try IOTest.reactor()
        reactor.runOnce()
        if afterAFork, case let child = test_fork(), child != 0 {
            let status = io_wait(child)
            #expect(status == 0, "the child ended with \(status)")
            return
        }
        reactor.runOnce()
        let own = open().subtracting(before)
        let isClosedOnExec = !own.isEmpty && own.allSatisfy { fcntl($0, F_GETFD) & FD_CLOEXEC != 0 }
        if afterAFork { _exit(isClosedOnExec ? 0 : 1) }
        #expect(isClosedOnExec)
    }

    /// The system's own threads may open some now and then.
    private static let fewerThanThoseOfTwenty = 15

    /// The open ones among the numbers that a test comes to.
    private static func open() -> Set<Int32> { Set((0..<256).filter { io_is_open($0) }) }
}
