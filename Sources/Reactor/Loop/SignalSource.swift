import CSignals

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One watcher of a signal. What is to happen when the signal comes, a subclass says in `received`.
///
/// Not libev's: it leaves SIG_DFL behind when a signal's last watcher stops, and no host would see its signals; see
/// `Wakeup`.
class SignalSource {
    let signal: Int32
    private let loop: EventLoop
    fileprivate var isStarted = false

    init(loop: EventLoop, signal: Int32) {
        self.loop = loop
        self.signal = signal
    }

    /// Called in the pass after the signal came; several that came since the last pass are one.
    func received() {}

    /// Begins to watch; throws `SignalError` where that cannot be done, before anything has changed. The loop keeps the
    /// source until `close`.
    func start() throws(SignalError) {
        guard !isStarted else { return }
        try SignalDispositions.acquire(signal, for: loop)
        isStarted = true
        loop.add(self)
    }

    /// Ceases to watch for good; after the last one the disposition that was there comes back.
    func close() {
        guard isStarted else { return }
        isStarted = false
        loop.remove(self)
        SignalDispositions.release(signal)
    }
}

/// The started signal sources of one loop, in the order in which they were started, and those whose signal has come.
struct SignalSources {
    private var started: [SignalSource] = []
    private var due: [SignalSource] = []
    var hasDue: Bool { !due.isEmpty }

    mutating func append(_ source: SignalSource) { started.append(source) }

    mutating func remove(_ source: SignalSource) { started = started.filter { $0 !== source } }

    /// Sets those apart whose signal has come; `next` then gives them out one by one, in a nested pass as well.
    mutating func collect() {
        var came = [Bool?](repeating: nil, count: NSIG.asInt)
        for source in started {
            let signal = source.signal.asInt
            let hasCome = came[signal] ?? csignals_take(source.signal)
            came[signal] = hasCome
            if hasCome { due.append(source) }
        }
    }

    /// The next that is due, and was not stopped since.
    mutating func next() -> SignalSource? {
        due = due.filter { $0.isStarted }
        return due.isEmpty ? nil : due.removeFirst()
    }
}

/// Which loop of the process has which signal: a signal is for one at a time.
enum SignalDispositions {
    /// SIGINT and SIGTERM, for code that does not import the system's headers.
    static let interrupt = SIGINT
    static let terminate = SIGTERM
    /// The one that prints a snapshot, where that was asked for.
    static let user = SIGUSR1

    private struct Watched {
        var loop: ObjectIdentifier
        var count: Int
    }

    /// By the signal's number.
    private static let watched = ThreadLock([Watched?](repeating: nil, count: NSIG.asInt))

    static func acquire(_ signal: Int32, for loop: EventLoop) throws(SignalError) {
        guard signal > 0, signal < NSIG else { throw .outOfRange(signal) }
        guard signal != SIGKILL, signal != SIGSTOP else { throw .cannotBeCaught(signal) }
        guard ![SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP].contains(signal) else { throw .tellsOfAFault(signal) }
        let failure = watched.withLock { table -> SignalError? in
            if let entry = table[signal.asInt] {
                guard entry.loop == ObjectIdentifier(loop) else { return .watchedByAnotherReactor(signal) }
                table[signal.asInt]?.count += 1
                return nil
            }
            guard csignals_watch(signal, loop.wakeup.input) == 0 else { return .cannotBeCaught(signal) }
            table[signal.asInt] = Watched(loop: ObjectIdentifier(loop), count: 1)
            return nil
        }
        if let failure { throw failure }
    }

    static func release(_ signal: Int32) {
        watched.withLock { table in
            guard var entry = table[signal.asInt] else { return }
            entry.count -= 1
            table[signal.asInt] = entry.count == 0 ? nil : entry
            if entry.count == 0 { csignals_unwatch(signal) }
        }
    }

    /// Whether the process ignores the signal, as a background job of a shell ignores SIGINT.
    static func isIgnored(_ signal: Int32) -> Bool { csignals_is_ignored(signal) }
}
