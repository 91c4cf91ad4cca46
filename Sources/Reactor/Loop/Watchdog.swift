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
        state.withLock { $0 = State(work: work, began: time, isStopped: $0.isStopped) }
    }

    func end() { state.withLock { $0.work = nil } }

    func stop() { state.withLock { $0.isStopped = true } }

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
                    guard state.withLock({ $0.began == began && $0.work != nil }), !reportPlace(sample()) else { break }
                    usleep(1_000)
                }
            }
        }
    }

    private func sample() -> [UInt] {
        unsafe [UInt](unsafeUninitializedCapacity: ctraceback_limit) { addresses, count in
            unsafe count = Int(ctraceback_sample(watched, addresses.baseAddress))
        }
    }
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
