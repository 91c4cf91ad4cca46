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

    /// Ceases to watch, and is told at once of a signal that has come until then and that no pass has met yet. The others
    /// who watch it, the next pass tells.
    func closeAndReceive() {
        let hasCome = loop.takeSignal(of: self)
        // Not before the handler is gone could nothing come any more.
        if close() || hasCome { received() }
    }

    /// Ceases to watch for good; after the last one the disposition that was there comes back. Tells whether the signal
    /// has come before that, and nobody was told.
    @discardableResult
    func close() -> Bool {
        guard isStarted else { return false }
        isStarted = false
        loop.remove(self)
        return SignalDispositions.release(signal)
    }
}

/// The started signal sources of one loop, in the order in which they were started, and those whose signal has come.
struct SignalSources {
    private var started: [SignalSource] = []
    private var due: [SignalSource] = []
    /// In which process of a line of forks they became due; in a child they are the parent's.
    private var generation = ForkWatch.generation
    var hasDue: Bool { !due.isEmpty }

    mutating func append(_ source: SignalSource) { started.append(source) }

    mutating func remove(_ source: SignalSource) { started = started.filter { $0 !== source } }

    /// Sets those apart whose signal has come; `next` then gives them out one by one, in a nested pass as well.
    mutating func collect() {
        forgetThoseOfParent()
        var came = [Bool?](repeating: nil, count: NSIG.asInt)
        for source in started {
            let signal = source.signal.asInt
            let hasCome = came[signal] ?? csignals_take(source.signal)
            came[signal] = hasCome
            // One that a run has met at its end, and not delivered to the others, may have come again.
            if hasCome, !due.contains(where: { $0 === source }) { due.append(source) }
        }
    }

    private mutating func forgetThoseOfParent() {
        if generation != ForkWatch.generation { due = [] }
        generation = ForkWatch.generation
    }

    /// Whether this one was due. It is not any more.
    mutating func take(_ source: SignalSource) -> Bool {
        let count = due.count
        due = due.filter { $0 !== source }
        return due.count < count
    }

    /// The next that is due, and was not stopped since.
    mutating func next() -> SignalSource? {
        forgetThoseOfParent()
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

    /// Tells whether the signal has come, where this was the last.
    static func release(_ signal: Int32) -> Bool {
        watched.withLock { table in
            guard var entry = table[signal.asInt] else { return false }
            entry.count -= 1
            table[signal.asInt] = entry.count == 0 ? nil : entry
            guard entry.count == 0 else { return false }
            csignals_unwatch(signal)
            return csignals_take(signal)
        }
    }

    /// Whether the process ignores the signal, as a background job of a shell ignores SIGINT.
    static func isIgnored(_ signal: Int32) -> Bool { csignals_is_ignored(signal) }
}
