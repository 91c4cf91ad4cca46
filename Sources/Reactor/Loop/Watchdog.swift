import CTraceback
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A thread that looks whether something on another one, told by `begin` and `end`, takes longer than a limit, says so,
/// once for each, and then where that thread is.
final class Watchdog<Work: Sendable>: Sendable {
    private struct State: Sendable {
        var work: Work?
        var began: UInt64 = 0
        var isReported = false
        var isStopped = false
    }

    private let state = ThreadLock(State())
    private let limit: UInt64
    private let report: @Sendable (Work, _ elapsed: UInt64) -> Void
    private let reportPlace: @Sendable (_ addresses: [UInt]) -> Bool
    private let watched = pthread_self()
    private let stack = ctraceback_own_stack()
    /// In a forked child there is no thread, which may have had the lock.
    private let generation = ForkWatch.generation

    /// Watches the calling thread, in which it unblocks the signal that asks it where it is. On the watchdog's thread
    /// `report` is called at once, since the program may not have much more time, and then `reportPlace`, which tells
    /// whether it had anything to say.
    init(
        limit: UInt64,
        report: @escaping @Sendable (Work, _ elapsed: UInt64) -> Void,
        reportPlace: @escaping @Sendable (_ addresses: [UInt]) -> Bool
    ) {
        self.limit = limit
        self.report = report
        self.reportPlace = reportPlace
        // Threads of a dispatch queue block it.
        var signal = sigset_t()
        unsafe sigemptyset(&signal)
        unsafe sigaddset(&signal, SIGURG)
        unsafe pthread_sigmask(SIG_UNBLOCK, &signal, nil)
    }

    /// Starts the thread, which keeps the watchdog until `stop`.
    func start() {
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        defer { unsafe pthread_attr_destroy(&attributes) }
        // Signals are for the program's threads.
        var all = sigset_t()
        var previous = sigset_t()
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_BLOCK, &all, &previous)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &previous, nil) }
        let box = unsafe Unmanaged.passRetained(Body { [self] in watch() }).toOpaque()
        #if canImport(Darwin)
            var thread: pthread_t?
        #else
            var thread = pthread_t()
        #endif
        let error = unsafe pthread_create(&thread, &attributes, runBody, box)
        if error != 0 { unsafe Unmanaged<Body>.fromOpaque(box).release() }
    }

    func begin(_ work: Work, at time: UInt64) {
        guard ForkWatch.generation == generation else { return }
        state.withLock { $0 = State(work: work, began: time, isStopped: $0.isStopped) }
    }

    func end() {
        guard ForkWatch.generation == generation else { return }
        state.withLock { $0.work = nil }
    }

    func stop() {
        guard ForkWatch.generation == generation else { return }
        state.withLock { $0.isStopped = true }
    }

    private func watch() {
        // A quarter of the limit late at most, which nobody notices, and without a lock for each callback to wait on.
        let pause = UInt32(clamping: min(max(limit / 4_000, 1_000), 250_000))
        while true {
            usleep(pause)
            let now = MonotonicClock.now()
            let (isStopped, work, began) = state.withLock { state -> (Bool, Work?, UInt64) in
                guard let work = state.work, !state.isReported, now > state.began, now - state.began > limit else {
                    return (state.isStopped, nil, 0)
                }
                state.isReported = true
                return (state.isStopped, work, state.began)
            }
            if isStopped { return }
            if let work {
                report(work, now - began)
                // Where it was asked in the middle of a call, nothing may be known of its callers.
                for _ in 0..<10 {
                    // The signal that asks may well end what it waits for: looked at before, and not after.
                    guard let addresses = sample(began), !reportPlace(addresses) else { break }
                    usleep(1_000)
                }
            }
        }
    }

    /// Where the watched thread is; nil where it has done what it began then. It may be gone after that, so it is asked
    /// while it cannot go on.
    private func sample(_ began: UInt64) -> [UInt]? {
        let question = Question { [self] signal in
            state.withLock { state in
                guard state.began == began, state.work != nil, !state.isStopped else { return false }
                return pthread_kill(watched, signal) == 0
            }
        }
        let addresses = unsafe [UInt](unsafeUninitializedCapacity: ctraceback_limit) { addresses, count in
            let context = unsafe Unmanaged.passUnretained(question).toOpaque()
            unsafe count = ctraceback_sample(watched, stack, askQuestion, context, addresses.baseAddress).asInt
        }
        return question.wasAsked ? addresses : nil
    }
}

/// How a thread is asked where it is, and whether it was.
private final class Question {
    private let send: (Int32) -> Bool
    private(set) var wasAsked = false
    init(_ send: @escaping (Int32) -> Bool) { self.send = send }

    func ask(_ signal: Int32) -> Bool {
        wasAsked = send(signal)
        return wasAsked
    }
}

private let askQuestion: @convention(c) (UnsafeMutableRawPointer?, Int32) -> Bool = { context, signal in
    guard let context = unsafe context else { return false }
    return unsafe Unmanaged<Question>.fromOpaque(context).takeUnretainedValue().ask(signal)
}

/// What a new thread is to do.
private final class Body {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

#if canImport(Darwin)
    private let runBody: @convention(c) (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? = { box in
        unsafe Unmanaged<Body>.fromOpaque(box).takeRetainedValue().run()
        return nil
    }
#else
    private let runBody: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { box in
        if let box = unsafe box { unsafe Unmanaged<Body>.fromOpaque(box).takeRetainedValue().run() }
        return nil
    }
#endif
