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

/// A callback that runs its host's loop itself, as a modal dialogue does.
@Suite(.enabled(if: InsideAnotherLoop.canBeHosted), .keepsFiles, .timeLimit(.minutes(15)))
struct InsideALoopThatACallbackRuns {
    private typealias Host = InsideAnotherLoop.Host

    enum Request: CaseIterable {
        case delayedCall, callAtOnce, earlierDeadline, reader, callFromThread, callWhenRunning
    }

    @Test(arguments: Request.allCases)
    func whatTheCallbackHasAskedForShows(_ request: Request) throws {
        let reactor = try IOTest.reactor()
        let host = try Host(reactor)
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        let calls = IOTest.Counter()
        let later = reactor.callLater(.seconds(1_000)) { calls.increment() }
        var isShown = false
        reactor.callLater(.zero) {
            host.settle()
            switch request {
            case .delayedCall: reactor.callLater(.milliseconds(1)) { calls.increment() }
            case .callAtOnce: reactor.callLater(.zero) { calls.increment() }
            case .earlierDeadline: try later.reset(to: .milliseconds(1))
            case .reader:
                try reactor.addReader(pipe.reader.number) {
                    pipe.reader.drain()
                    calls.increment()
                }
            case .callFromThread:
                let handle = reactor.handle
                IOTest.Thread { handle.callFromThread { calls.increment() } }.join()
            case .callWhenRunning: reactor.callWhenRunning { calls.increment() }
            }
            isShown = host.run { calls.value == 1 }
            host.settle()
        }
        #expect(host.run { isShown })
        host.settle()
        #expect(calls.value == 1)
    }

    @Test func aCallAtOnceShowsUnderAVirtualClock() throws {
        let reactor = try Reactor(backend: IOTest.backend, clock: VirtualClock())
        let host = try Host(reactor)
        var isShown = false
        reactor.callLater(.zero) {
            host.settle()
            var isCalled = false
            reactor.callLater(.zero) { isCalled = true }
            isShown = host.run { isCalled }
        }
        #expect(host.run { isShown })
        host.settle()
    }

    @Test func theOtherCallsOfThePassShow() throws {
        let reactor = try IOTest.reactor()
        let host = try Host(reactor)
        var calls: [Int] = []
        for number in 1...3 {
            reactor.callLater(.zero) {
                if number == 1 { #expect(host.run { calls == [2, 3] }) }
                calls.append(number)
            }
        }
        #expect(host.run { calls.count == 3 })
        #expect(calls == [2, 3, 1])
        host.settle()
    }

    enum Input: CaseIterable { case pipe, file }

    /// It would be ready again, not having been read from yet.
    @Test(arguments: Input.allCases)
    func theReaderWhoseCallbackItIsDoesNotShow(_ input: Input) throws {
        let reactor = try IOTest.reactor()
        let host = try Host(reactor)
        let pipe = try IOTest.Pipe()
        let file = try IOTest.File(io_temporary_file())
        pipe.writer.write()
        var calls = 0
        var made = false
        try reactor.addReader(input == .pipe ? pipe.reader.number : file.number) { readiness in
            calls += 1
            host.settle()
            reactor.callLater(.milliseconds(1)) { made = true }
            #expect(host.run { made })
            host.settle()
            made = false
            // Watched again when the pass is over.
            if calls == 2 { readiness.watcher.cancel() }
        }
        #expect(host.run { calls == 2 })
        host.settle()
    }

    @Test func aReaderThatIsCancelledInTheLoopItsCallbackRunsIsReleased() throws {
        let reactor = try IOTest.reactor()
        let host = try Host(reactor)
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        final class Held {}
        weak var held: Held?
        var calls = 0
        func watch() throws -> IOWatcher {
            let object = Held()
            held = object
            var watcher: IOWatcher?
            watcher = try reactor.addReader(pipe.reader.number) { [object] in
                calls += 1
                reactor.callLater(.zero) { watcher?.cancel() }
                host.settle()
                #expect(watcher?.isActive == false)
                _ = object
                watcher = nil
            }
            return try #require(watcher)
        }
        _ = try watch()
        #expect(host.run { calls == 1 })
        host.settle()
        #expect(held == nil)
    }

    /// The wake-up of the pass is cleared after timers have been called, and before descriptors are.
    @Test func whatAnEarlierCallbackOfThePassHasAskedForShows() throws {
        let reactor = try IOTest.reactor()
        let host = try Host(reactor)
        let pipe = try IOTest.Pipe()
        let other = try IOTest.Pipe()
        other.writer.write()
        var isShown = false
        var calls = 0
        try reactor.addReader(pipe.reader.number) {
            pipe.reader.drain()
            isShown = host.run { calls == 1 }
        }
        host.settle()
        reactor.handle.callFromThread {}
        pipe.writer.write()
        reactor.callLater(.zero) {
            try reactor.addReader(other.reader.number) {
                other.reader.drain()
                calls += 1
            }
        }
        #expect(host.run { isShown })
        host.settle()
    }
}
