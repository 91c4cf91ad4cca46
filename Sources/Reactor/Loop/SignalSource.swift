import CLibev

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One `ev_signal`. What is to happen when the signal comes, a subclass says in `received`.
@safe class SignalSource {
    let signal: Int32
    private let loop: EventLoop
    private let watcher: UnsafeMutablePointer<ev_signal>
    private var isStarted = false

    init(loop: EventLoop, signal: Int32) {
        self.loop = loop
        self.signal = signal
        unsafe watcher = .allocate(capacity: 1)
        unsafe clibev_signal_init(watcher, trampoline, signal)
        unsafe watcher.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit {
        stop()
        unsafe watcher.deallocate()
    }

    fileprivate func deliver() {
        unsafe loop.dispatching = nil
        received()
    }

    /// Called in the pass after the signal came; several that came since the last pass are one.
    func received() {}

    /// Begins to watch; throws `SignalError` where that cannot be done, before anything has changed.
    func start() throws(SignalError) {
        guard !isStarted else { return }
        try SignalDispositions.acquire(signal, for: ObjectIdentifier(loop))
        isStarted = true
        unsafe ev_signal_start(loop.pointer, watcher)
    }

    /// Ceases to watch; after the last one the disposition that was there comes back.
    func stop() {
        guard isStarted else { return }
        isStarted = false
        // One that has come and was not delivered would be, to the next watcher of the signal: libev keeps it.
        if SignalDispositions.isLast(signal) { unsafe ev_feed_signal_event(loop.pointer, signal) }
        unsafe ev_signal_stop(loop.pointer, watcher)
        SignalDispositions.release(signal)
    }

    /// Stops for good. The memory is released when no callback can be using it.
    func close() {
        stop()
        loop.retire(self)
    }
}

private let trampoline: @convention(c) (OpaquePointer?, UnsafeMutablePointer<ev_signal>?, Int32) -> Void = {
    _,
    watcher,
    _ in
    unsafe Unmanaged<SignalSource>.fromOpaque(watcher.unsafelyUnwrapped.pointee.data)
        ._withUnsafeGuaranteedRef { $0.deliver() }
}

/// What the process did with each signal before a reactor watched it.
///
/// libev leaves SIG_DFL behind when a signal's last watcher stops, and aborts when two loops watch one signal: so the
/// disposition is kept here, and so is the loop that has the signal.
enum SignalDispositions {
    /// SIGINT and SIGTERM, for code that does not import the system's headers.
    static let interrupt = SIGINT
    static let terminate = SIGTERM

    private struct Watched {
        var loop: ObjectIdentifier
        var count: Int
        var previous: sigaction
    }

    private static let watched = ThreadLock<[Int32: Watched]>([:])

    static func acquire(_ signal: Int32, for loop: ObjectIdentifier) throws(SignalError) {
        guard signal > 0, signal < NSIG else { throw .outOfRange(signal) }
        guard signal != SIGKILL, signal != SIGSTOP else { throw .cannotBeCaught(signal) }
        let failure = watched.withLock { table -> SignalError? in
            if let entry = table[signal] {
                guard entry.loop == loop else { return .watchedByAnotherReactor(signal) }
                table[signal]?.count += 1
                return nil
            }
            var previous = sigaction()
            guard unsafe sigaction(signal, nil, &previous) == 0 else { return .cannotBeCaught(signal) }
            table[signal] = Watched(loop: loop, count: 1, previous: previous)
            return nil
        }
        if let failure { throw failure }
    }

    static func isLast(_ signal: Int32) -> Bool { watched.withLock { $0[signal]?.count == 1 } }

    static func release(_ signal: Int32) {
        watched.withLock { table in
            guard var entry = table[signal] else { return }
            entry.count -= 1
            guard entry.count == 0 else {
                table[signal] = entry
                return
            }
            table[signal] = nil
            unsafe sigaction(signal, &entry.previous, nil)
        }
    }

    /// Whether the process ignores the signal, as a background job of a shell ignores SIGINT.
    static func isIgnored(_ signal: Int32) -> Bool {
        var current = sigaction()
        guard unsafe sigaction(signal, nil, &current) == 0 else { return false }
        #if canImport(Darwin)
            return unsafe unsafeBitCast(current.__sigaction_u.__sa_handler, to: Int.self) == 1
        #else
            return unsafe unsafeBitCast(current.__sigaction_handler.sa_handler, to: Int.self) == 1
        #endif
    }
}
