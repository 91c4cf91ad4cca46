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

/// The backend under test: the environment variable `REACTOR_BACKEND` names it, so that the suite can be run on each.
let backendUnderTest: String? = getenv("REACTOR_BACKEND").map { String(cString: $0) }

/// Longer than anything takes on a machine that works, however busy it is, in nanoseconds.
let patience: Int64 = 300_000_000_000

/// What a test function takes that must have a process of its own; the body of an exit test makes it, and a hang ends it.
struct OwnProcess {
    init() { alarm(800) }
}

/// A `reactor_t` of a test, released with it.
final class Loop {
    let pointer: OpaquePointer
    private var isReleased = false
    private var pipes: [Pipe] = []

    init(sourceLocation: SourceLocation = #_sourceLocation) throws {
        var reactor: OpaquePointer?
        let result = reactor_new(backendUnderTest, &reactor)
        try #require(result == 0, sourceLocation: sourceLocation)
        pointer = try #require(reactor, sourceLocation: sourceLocation)
    }

    deinit { release() }

    /// Releases the one reference there is, and so destroys the reactor.
    @discardableResult
    func release() -> Int32 {
        guard !isReleased else { return 0 }
        isReleased = true
        return reactor_unref(pointer)
    }

    /// A new pipe, which stays open as long as the loop is there.
    func pipe() throws -> Pipe {
        pipes.append(try Pipe())
        return pipes[pipes.count - 1]
    }

    func run() -> Int32 { reactor_run(pointer) }
    @discardableResult func runOnce(_ timeout: Int64 = 0) -> Int32 { reactor_run_once(pointer, timeout) }
    @discardableResult func stop() -> Int32 { reactor_stop(pointer) }

    /// Makes passes until `condition` holds; whether it did in time.
    func run(until condition: () -> Bool) -> Bool {
        let end = now + patience
        while !condition() {
            guard now < end else { return false }
            runOnce(200_000_000)
        }
        return true
    }

    var now: Int64 {
        var now: Int64 = -1
        _ = reactor_now(pointer, &now)
        return now
    }

    /// How many sources are registered.
    var sourceCount: Int32 { reactor_sources(pointer, nil, 0) }

    func whenRunning(_ callback: Callback, label: String? = nil) -> Registered {
        Registered {
            reactor_call_when_running(pointer, onCall, callback.userdata, onDestroy, label, $0)
        }
    }

    @discardableResult
    func later(after delay: Int64 = 0, label: String? = nil, _ callback: Callback) -> Registered {
        Registered {
            reactor_call_later(pointer, delay, onCall, callback.userdata, onDestroy, label, $0)
        }
    }

    @discardableResult
    func every(_ interval: Int64, label: String? = nil, _ callback: Callback) -> Registered {
        Registered {
            reactor_call_every(pointer, interval, onInterval, callback.userdata, onDestroy, label, $0)
        }
    }

    @discardableResult
    func io(
        _ descriptor: Int32,
        for interest: UInt32 = REACTOR_READ.rawValue,
        label: String? = nil,
        _ callback: Callback
    ) -> Registered {
        Registered {
            reactor_add_io(pointer, descriptor, interest, onReady, callback.userdata, onDestroy, label, $0)
        }
    }

    /// A signal is for one reactor of a process at a time, so each test that has no process of its own takes another one;
    /// those of ReactorTests take SIGHUP, SIGUSR1, SIGUSR2 and the last real-time signal.
    @discardableResult
    func signal(_ signal: Int32, label: String? = nil, _ callback: Callback) -> Registered {
        Registered {
            reactor_add_signal(pointer, signal, onSignal, callback.userdata, onDestroy, label, $0)
        }
    }

    @discardableResult
    func fromThread(label: String? = nil, _ callback: Callback) -> Int32 {
        let result = reactor_call_from_thread(pointer, onCall, callback.userdata, onDestroy, label)
        if result < 0 { callback.giveBack() }
        return result
    }

    /// Collects what the failure handler gets.
    func collectFailures() -> FailureLog {
        let log = FailureLog()
        let result = reactor_set_failure_handler(
            pointer,
            { _, failure, userdata in
                let log = Unmanaged<FailureLog>.fromOpaque(userdata!).takeUnretainedValue()
                log.failures.append(FailureLog.Entry(failure!.pointee))
                return log.result
            },
            Unmanaged.passRetained(log).toOpaque(),
            { Unmanaged<FailureLog>.fromOpaque($0!).release() }
        )
        #expect(result == 0)
        return log
    }
}

/// What the failure handler got.
final class FailureLog {
    struct Entry: Equatable {
        let kind: reactor_kind
        let number, code, cancelled: Int32
        let label, text, report: String?
        let when: Int64

        init(_ failure: reactor_failure) {
            kind = failure.kind
            number = failure.number
            code = failure.code
            cancelled = failure.cancelled
            when = failure.when
            label = failure.label.map { String(cString: $0) }
            text = failure.text.map { String(cString: $0) }
            report = failure.report.map { String(cString: $0) }
        }
    }

    var failures: [Entry] = []
    /// What the handler returns.
    var result: Int32 = 0
}

/// What a callback of C's is called with.
struct Arguments {
    var source: OpaquePointer?
    var number: Int32 = -1
    var events: UInt32 = 0
    var count: UInt64 = 0
}

/// A closure as a callback of C's, with its userdata.
final class Callback {
    /// How often it was called, and its userdata destroyed.
    private(set) var calls = 0
    private(set) var destroyed = 0
    private let body: (Arguments) -> Int32
    private let whenDestroyed: () -> Void

    init(_ body: @escaping (Arguments) -> Int32 = { _ in 0 }, whenDestroyed: @escaping () -> Void = {}) {
        self.body = body
        self.whenDestroyed = whenDestroyed
    }

    /// One that fails.
    static func failing(_ code: Int32 = -EIO) -> Callback { Callback { _ in code } }

    /// For the C function that registers it, once.
    var userdata: UnsafeMutableRawPointer { Unmanaged.passRetained(self).toOpaque() }

    /// After a function that failed.
    func giveBack() { Unmanaged.passUnretained(self).release() }

    static func of(_ userdata: UnsafeMutableRawPointer?) -> Callback {
        Unmanaged<Callback>.fromOpaque(userdata!).takeUnretainedValue()
    }

    fileprivate func call(_ arguments: Arguments) -> Int32 {
        #expect(destroyed == 0, "called after it was destroyed")
        calls += 1
        let result = body(arguments)
        #expect(destroyed == 0, "destroyed while it is called")
        return result
    }

    func destroy() {
        destroyed += 1
        #expect(destroyed == 1, "destroyed twice")
        whenDestroyed()
        giveBack()
    }
}

private let onCall: reactor_callback_t = { Callback.of($1).call(Arguments()) }
private let onInterval: reactor_every_callback_t = {
    Callback.of($2).call(Arguments(source: $0, count: $1))
}
private let onReady: reactor_io_callback_t = {
    Callback.of($3).call(Arguments(source: $0, number: $1, events: $2))
}
private let onSignal: reactor_signal_callback_t = {
    Callback.of($2).call(Arguments(source: $0, number: $1))
}
private let onDestroy: reactor_destroy_t = { Callback.of($0).destroy() }

/// What a function that registers something came to: its result, and the source with its reference.
final class Registered {
    let result: Int32
    let source: OpaquePointer?
    private var hasReference: Bool

    init(_ register: (UnsafeMutablePointer<OpaquePointer?>) -> Int32) {
        var source: OpaquePointer?
        result = register(&source)
        self.source = source
        hasReference = result == 0
    }

    deinit { release() }

    @discardableResult
    func release() -> Int32 {
        guard hasReference else { return 0 }
        hasReference = false
        return reactor_source_unref(source)
    }

    @discardableResult func cancel() -> Int32 { reactor_source_cancel(source) }
    var isActive: Bool { reactor_source_is_active(source) == 1 }
}

/// A pipe, from `Loop.pipe()`.
final class Pipe {
    let reader, writer: Int32
    private var open: Set<Int32>

    fileprivate init() throws {
        let ends = io_pipe()
        try #require(ends.first >= 0)
        reader = Self.move(ends.first)
        writer = Self.move(ends.second)
        open = [reader, writer]
    }

    /// To where the numbers are that nobody else in the process will be given once they are closed.
    private static func move(_ end: Int32) -> Int32 {
        let moved = fcntl(end, F_DUPFD_CLOEXEC, 600)
        _ = closeDescriptor(end)
        return moved
    }

    deinit { open.forEach(close) }

    func close(_ end: Int32) {
        guard open.remove(end) != nil else { return }
        _ = closeDescriptor(end)
    }

    func write() { _ = io_write(writer, 1) }
    func drain() { _ = io_drain(reader) }
}

private func closeDescriptor(_ number: Int32) -> Int32 { close(number) }

/// A thread that runs `body`, and is waited for with `join`.
final class Thread {
    private final class Body {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }

    private let thread: pthread_t

    init(_ body: @escaping () -> Void) {
        let context = Unmanaged.passRetained(Body(body)).toOpaque()
        #if canImport(Darwin)
            var created: pthread_t?
            let result = pthread_create(
                &created,
                nil,
                {
                    Unmanaged<Body>.fromOpaque($0).takeRetainedValue().run()
                    return nil
                },
                context
            )
            thread = created!
        #else
            var created = pthread_t()
            let result = pthread_create(
                &created,
                nil,
                {
                    Unmanaged<Body>.fromOpaque($0!).takeRetainedValue().run()
                    return nil
                },
                context
            )
            thread = created
        #endif
        precondition(result == 0, "no thread: \(result)")
    }

    func join() { pthread_join(thread, nil) }
}

/// Runs `body` on a thread of its own, and waits for it.
func onAnotherThread(_ body: @escaping () -> Void) { Thread(body).join() }
