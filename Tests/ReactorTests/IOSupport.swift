import CLibev
import CTestSupport
import Synchronization
import Testing

@testable import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What the tests of descriptors, threads and signals share.
enum IOTest {
    /// The backend under test: `REACTOR_BACKEND`, or the preferred one.
    static let backend: Reactor.Backend = {
        guard let name = Environment.value("REACTOR_BACKEND") else { return .preferred }
        guard let backend = Reactor.Backend(rawValue: name) else { fatalError("REACTOR_BACKEND=\(name)?") }
        return backend
    }()

    /// Longer than anything takes on a machine that works, however busy it is; what waits that long has failed.
    static let patience = Duration.seconds(300)

    /// What takes so long has slept through what it should have seen: libev looks again by itself, a minute after it went
    /// to sleep, however long it may sleep.
    static let longSleep = Duration.seconds(50)

    static func reactor() throws -> Reactor { try Reactor(backend: backend) }

    /// What a test function takes that must have a process of its own; the body of an exit test makes it.
    ///
    /// The body of an exit test should do no more than call such a function: Swift 6.3 mixes up closures that stand in
    /// a macro (`#expect(throws:)`, `#require(try f { })`) inside an exit test's closure, and calls one for another.
    struct OwnProcess {
        /// A hang ends the process with SIGALRM, so that the test fails; a write into a pipe that nobody reads does not
        /// end it.
        init() {
            alarm(800)
            io_ignore_signal(SIGPIPE)
            Files.ofProcess.withLock { $0 = Files() }
        }
    }

    /// Keeps the descriptors of a test open until it is over. In an optimised build they would be closed after their last
    /// use, which is before the reactor's.
    final class Files: @unchecked Sendable {
        @TaskLocal static var ofTest: Files?
        static let ofProcess = Mutex<Files?>(nil)

        private let files = Mutex<[Smuggled<File>]>([])

        static func keep(_ file: File) {
            let file = Smuggled(file)
            let keeper = ofTest ?? ofProcess.withLock { $0 }
            keeper?.files.withLock { $0.append(file) }
        }
    }

    /// For suites whose tests open descriptors.
    struct KeepsFiles: SuiteTrait, TestTrait, TestScoping {
        var isRecursive: Bool { true }

        func provideScope(
            for test: Test,
            testCase: Test.Case?,
            performing function: @Sendable () async throws -> Void
        ) async throws {
            try await Files.$ofTest.withValue(Files()) { try await function() }
        }
    }

    /// A file descriptor, closed by hand or when its test is over.
    final class File {
        let number: Int32
        private(set) var isOpen = true

        /// Fails the test where `number` is not open.
        init(_ number: Int32, sourceLocation: SourceLocation = #_sourceLocation) throws {
            try #require(number >= 0, "could not be opened, errno \(errno)", sourceLocation: sourceLocation)
            self.number = Files.ofProcess.withLock { $0 } == nil ? number : Self.move(number)
            Files.keep(self)
        }

        deinit { close() }

        /// In a process of the test's own, to where the numbers are that nobody else there will be given: the library's and
        /// the system's threads open files, too, and take the lowest number that the test has just closed.
        private static func move(_ number: Int32) -> Int32 {
            guard number < 300, case let moved = fcntl(number, F_DUPFD_CLOEXEC, 300), moved >= 0 else { return number }
            _ = systemClose(number)
            return moved
        }

        func close() {
            guard isOpen else { return }
            isOpen = false
            _ = systemClose(number)
        }

        /// Closes this end of a pipe or the like, and returns when the other one shows it. That is not at once where
        /// another test's thread is about to start a program, which has a copy of this end until it has begun.
        func hangUp(on other: File) {
            close()
            #expect(io_wait_hang_up(other.number))
        }

        func write(_ count: Int = 1) { _ = io_write(number, count) }

        @discardableResult
        func drain() -> Int { io_drain(number) }

        func fill() { _ = io_fill(number) }

        /// Another number for the same open file.
        func duplicate() throws -> File { try File(fcntl(number, F_DUPFD_CLOEXEC, 0)) }
    }

    /// Both ends of a pipe.
    struct Pipe {
        let reader: File
        let writer: File

        init() throws {
            let ends = io_pipe()
            reader = try File(ends.first)
            writer = try File(ends.second)
        }
    }

    /// Two ends of equal rights.
    struct Pair {
        let near: File
        let far: File

        private init(_ ends: io_pair) throws {
            near = try File(ends.first)
            far = try File(ends.second)
        }

        static func sockets() throws -> Pair { try Pair(io_socketpair()) }
        static func tcp() throws -> Pair { try Pair(io_tcp_pair()) }
        /// `near` is the master.
        static func terminal() throws -> Pair { try Pair(io_pty()) }
    }

    struct Failure: Error, Equatable {
        let text: String
        init(_ text: String = "on purpose") { self.text = text }
    }

    /// The failures that a reactor reports, kept instead of written to standard error.
    final class Failures {
        private(set) var all: [CallbackFailure] = []

        init(of reactor: Reactor) {
            reactor.onFailure = { [self] in all.append($0) }
        }

        /// Those about descriptors.
        var descriptorErrors: [DescriptorError] { all.compactMap { $0.error as? DescriptorError } }
    }

    /// Something whose release can be seen.
    final class Tracer {
        private let whenReleased: () -> Void
        init(whenReleased: @escaping () -> Void = {}) { self.whenReleased = whenReleased }
        deinit { whenReleased() }
    }

    /// A thread that runs `body`, and is waited for with `join`.
    final class Thread {
        private final class Body {
            let run: @Sendable () -> Void
            init(_ run: @escaping @Sendable () -> Void) {
                self.run = {
                    // Those of a test, which are a pool's, have all signals blocked, and hand that on.
                    io_unblock_signals()
                    run()
                }
            }
        }

        private let thread: pthread_t

        init(_ body: @escaping @Sendable () -> Void) {
            let context = unsafe Unmanaged.passRetained(Body(body)).toOpaque()
            #if canImport(Darwin)
                var created: pthread_t?
                let result = unsafe pthread_create(
                    &created,
                    nil,
                    {
                        unsafe Unmanaged<Body>.fromOpaque($0).takeRetainedValue().run()
                        return nil
                    },
                    context
                )
                thread = unsafe created!
            #else
                var created = pthread_t()
                let result = unsafe pthread_create(
                    &created,
                    nil,
                    {
                        unsafe Unmanaged<Body>.fromOpaque($0!).takeRetainedValue().run()
                        return nil
                    },
                    context
                )
                thread = created
            #endif
            precondition(result == 0, "no thread: \(result)")
        }

        func join() { _ = pthread_join(thread, nil) }

        func send(signal: Int32) { _ = pthread_kill(thread, signal) }
    }

    /// What one thread waits for and another one raises.
    final class Flag: Sendable {
        private let isRaised = Atomic<Bool>(false)

        var value: Bool { isRaised.load(ordering: .acquiring) }
        func raise() { isRaised.store(true, ordering: .releasing) }
        func wait() { while !value { sched_yield() } }
    }

    /// A number that any thread may raise.
    final class Counter: Sendable {
        private let number = Atomic<Int>(0)

        var value: Int { number.load(ordering: .acquiring) }
        func increment() { number.add(1, ordering: .acquiringAndReleasing) }
    }

    /// What was seen, in order. For one thread.
    final class Log {
        private(set) var entries: [String] = []
        func add(_ entry: String) { entries.append(entry) }
    }

    /// A value that is handed to another thread against better knowledge.
    struct Smuggled<Value>: @unchecked Sendable {
        let value: Value
        init(_ value: Value) { self.value = value }
    }

    /// How many times the reactor has polled: the number of its passes, and of its wake-ups.
    static func polls(of reactor: Reactor) -> Int {
        Int(unsafe ev_iteration(reactor.watchers.loop.pointer))
    }

    /// How many polls a wait takes in which nothing happens: one, and a few for alarms that were set earlier. A
    /// descriptor that spins takes thousands.
    static func pollsWhileIdle(_ reactor: Reactor, for duration: Duration = .milliseconds(100)) -> Int {
        let before = polls(of: reactor)
        reactor.runOnce(timeout: duration)
        return polls(of: reactor) - before
    }

    /// The most polls that a wait in which nothing happens may take.
    static let fewPolls = 8

    /// Makes passes until `condition` holds; whether it did in time.
    static func run(_ reactor: Reactor, until condition: () -> Bool) -> Bool {
        let end = reactor.now.advanced(by: patience)
        while !condition() {
            guard reactor.now < end else { return false }
            reactor.runOnce(timeout: .milliseconds(200))
        }
        return true
    }
}

private func systemClose(_ number: Int32) -> Int32 { close(number) }

extension Trait where Self == IOTest.KeepsFiles {
    /// Descriptors that a test opens stay open until it is over.
    static var keepsFiles: Self { Self() }
}
