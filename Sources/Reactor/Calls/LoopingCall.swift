/// Calls back at a fixed interval until it is stopped, or its callback throws.
///
/// The calls stay in phase with the start: each is due a whole number of intervals after it, however late the one before
/// was made and however long it took, and intervals that went by are left out, not made up for. For the reactor's thread
/// only. After Twisted's `task.LoopingCall`.
public final class LoopingCall {
    /// Where it was made.
    public let registeredAt: CallSite
    /// What reports call it; nil at first.
    public var label: String? {
        get { name.label }
        set { name.label = newValue }
    }
    /// The time between two calls; nil before the first start.
    public private(set) var interval: Duration? {
        didSet { name.kind = .loopingCall(every: interval ?? .zero) }
    }
    /// What its calls are known as.
    private let name = CallName()

    /// Weak, so that a reactor that goes away takes its looping calls with it: their next calls refer to them. It may be
    /// gone whenever a handle, or a `Deferral`, is used.
    private weak var reactor: Reactor?
    private let callback: (LoopingCall, Int) throws -> Void
    /// Kept alive by its next call, or by its deferral, while it is under way; it takes itself out when it goes.
    private unowned var run: Run?
    private var runNumber: UInt64 = 0

    /// What lasts from a start to its stop.
    private final class Run {
        let loopingCall: LoopingCall
        let number: UInt64
        /// The calls are due whole intervals after this.
        var origin: Reactor.Instant
        /// The number of the interval, since `origin`, in which the last call was made; nil if none was.
        var lastInterval: UInt64?
        var next: DelayedCall?
        var isCalling = false
        /// Whether the work of the last call goes on in a `Deferral`, and of which call that is.
        var isDeferred = false
        var callNumber = 0
        /// How a deferral ended before the callback returned.
        var earlyResult: Result<Void, any Error>?
        let whenStopped: ((Result<Void, any Error>) throws -> Void)?

        init(
            _ loopingCall: LoopingCall,
            origin: Reactor.Instant,
            whenStopped: ((Result<Void, any Error>) throws -> Void)?
        ) {
            self.loopingCall = loopingCall
            self.origin = origin
            self.whenStopped = whenStopped
            loopingCall.runNumber += 1
            number = loopingCall.runNumber
        }

        deinit {
            if loopingCall.runNumber == number { loopingCall.run = nil }
        }
    }

    /// A looping call of `callback`, on `reactor`; it does nothing until it is started.
    public convenience init(
        on reactor: Reactor = .shared,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: @escaping () throws -> Void
    ) {
        self.init(on: reactor, CallSite(fileID: fileID, line: line)) { _, _ in try callback() }
    }

    /// The same, for a callback that gets the looping call itself, to stop it or to defer its next call.
    public convenience init(
        on reactor: Reactor = .shared,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: @escaping (LoopingCall) throws -> Void
    ) {
        self.init(on: reactor, CallSite(fileID: fileID, line: line)) { loopingCall, _ in try callback(loopingCall) }
    }

    /// The same, for a callback that gets the number of intervals since the last call: 1, or more where some went by
    /// while the reactor was busy.
    public static func withCount(
        on reactor: Reactor = .shared,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: @escaping (Int) throws -> Void
    ) -> LoopingCall {
        LoopingCall(on: reactor, CallSite(fileID: fileID, line: line)) { _, count in try callback(count) }
    }

    private init(on reactor: Reactor, _ site: CallSite, callback: @escaping (LoopingCall, Int) throws -> Void) {
        self.reactor = reactor
        self.registeredAt = site
        self.callback = callback
    }

    /// Whether it was started, and not stopped since.
    public var isRunning: Bool { run != nil }

    /// Begins to call: in the next pass, or with `now` false after one interval. With an interval of zero it calls once
    /// in each pass.
    ///
    /// `whenStopped` is told once how it ended: by `stop()`, or with the error of the callback, which was reported too. If
    /// it throws, that is reported.
    /// Throws `LoopingCallError` where it runs already or the interval is negative. It may be started again afterwards.
    public func start(
        every interval: Duration,
        now: Bool = true,
        whenStopped: ((Result<Void, any Error>) throws -> Void)? = nil
    ) throws(LoopingCallError) {
        reactor?.checkThread(of: "LoopingCall.start")
        guard run == nil else { throw .alreadyRunning }
        guard interval >= .zero else { throw .negativeInterval(interval) }
        guard let reactor else { throw .reactorIsGone }
        self.interval = interval
        let run = Run(self, origin: reactor.now, whenStopped: whenStopped)
        self.run = run
        if now {
            callLater(.zero, run, on: reactor)
        } else {
            run.lastInterval = 0
            schedule(run)
        }
    }

    /// Ends it. `whenStopped` is told at once, or, from inside the callback or while its work is deferred, when that is
    /// over. Does nothing where it does not run.
    public func stop() {
        reactor?.checkThread(of: "LoopingCall.stop")
        guard let run else { return }
        self.run = nil
        try? run.next?.cancel()
        if !run.isCalling, !run.isDeferred { tell(run, .success(())) }
    }

    /// Counts the intervals from now on: the next call is due one interval from now. Does nothing where it does not run.
    public func reset() {
        reactor?.checkThread(of: "LoopingCall.reset")
        guard let run, let reactor else { return }
        run.origin = reactor.now
        run.lastInterval = 0
        reschedule(run)
    }

    /// Calls at another interval, counted from now on. Throws `LoopingCallError` where it is negative or nothing runs.
    public func changeInterval(to interval: Duration) throws(LoopingCallError) {
        reactor?.checkThread(of: "LoopingCall.changeInterval")
        guard interval >= .zero else { throw .negativeInterval(interval) }
        guard run != nil else { throw .notRunning }
        self.interval = interval
        reset()
    }

    /// From inside the callback: its work is not over when it returns. The next call is scheduled when the deferral ends,
    /// and then in phase. After a Twisted callback that returns a Deferred.
    public func deferRestart() -> Deferral {
        guard let run, run.isCalling else { return Deferral { _ in } }
        run.isDeferred = true
        let number = run.callNumber
        return Deferral { result in
            // Unless the callback has thrown after it asked for this, or another deferral of the call was first.
            guard run.isDeferred, run.callNumber == number else { return }
            run.isDeferred = false
            if run.isCalling {
                run.earlyResult = result
            } else {
                run.loopingCall.called(run, result)
            }
        }
    }

    /// Work of a looping call that goes on after its callback has returned. It ends with `finish` or `fail`, or when the
    /// last reference to it is dropped.
    public final class Deferral {
        private var done: ((Result<Void, any Error>) -> Void)?

        deinit { finish() }

        fileprivate init(_ done: @escaping (Result<Void, any Error>) -> Void) { self.done = done }

        /// The work is done. Only the first `finish` or `fail` counts.
        public func finish() { end(.success(())) }

        /// The work has failed: reported, and the looping call stops, as if its callback had thrown.
        public func fail(_ error: any Error) { end(.failure(error)) }

        private func end(_ result: Result<Void, any Error>) {
            let done = done
            self.done = nil
            done?(result)
        }
    }

    private func call(_ run: Run) {
        run.next = nil
        let count = countIntervals(run)
        run.isCalling = true
        run.callNumber += 1
        var result = Result { try callback(self, count) }
        run.isCalling = false
        if case .success = result {
            if run.isDeferred { return }
            result = run.earlyResult ?? result
        }
        run.isDeferred = false
        run.earlyResult = nil
        called(run, result)
    }

    /// The work of one call is over.
    private func called(_ run: Run, _ result: Result<Void, any Error>) {
        let isCurrent = self.run === run
        if case .failure(let error) = result {
            if isCurrent { self.run = nil }
            try? run.next?.cancel()
            report(error, isCurrent ? .loopingCallStopped : .none)
            tell(run, result)
        } else if isCurrent {
            reschedule(run)
        } else {
            tell(run, .success(()))
        }
    }

    private func tell(_ run: Run, _ result: Result<Void, any Error>) {
        do {
            try run.whenStopped?(result)
        } catch {
            report(error, .none)
        }
    }

    private func report(_ error: any Error, _ consequence: CallbackFailure.Consequence) {
        let kind = CallbackKind.loopingCall(every: interval ?? .zero)
        reactor?.report(
            CallbackFailure(
                error: error,
                kind: kind,
                label: label,
                registeredAt: registeredAt,
                consequence: consequence
            )
        )
    }

    private func reschedule(_ run: Run) {
        guard !run.isCalling, !run.isDeferred else { return }
        try? run.next?.cancel()
        schedule(run)
    }

    /// At the first whole number of intervals since the origin that lies in the future.
    private func schedule(_ run: Run) {
        guard let reactor else { return }
        let now = reactor.now
        let length = intervalLength
        var delay = Duration.zero
        if length > 0 {
            let elapsed = now.nanoseconds - run.origin.nanoseconds
            delay = Reactor.Instant(nanoseconds: elapsed % length).duration(to: Reactor.Instant(nanoseconds: length))
        }
        callLater(delay, run, on: reactor)
    }

    /// The closure captures one object, so that Swift allocates nothing for it. To whoever looks, it was asked for where
    /// the looping call was made.
    private func callLater(_ delay: Duration, _ run: Run, on reactor: Reactor) {
        run.next = reactor.callLater(delay, registeredAt, name) {
            run.loopingCall.call(run)
        }
    }

    private func countIntervals(_ run: Run) -> Int {
        let length = intervalLength
        guard length > 0, let reactor else { return 1 }
        let current = (reactor.now.nanoseconds - run.origin.nanoseconds) / length
        defer { run.lastInterval = current }
        guard let last = run.lastInterval else { return Int(clamping: min(current, .max - 1) + 1) }
        return Int(clamping: current - last)
    }

    private var intervalLength: UInt64 {
        Reactor.Instant(nanoseconds: 0).advanced(by: interval ?? .zero).nanoseconds
    }
}

/// Why a looping call could not be started or changed.
public enum LoopingCallError: Error, Equatable, CustomStringConvertible {
    /// `start` while it runs.
    case alreadyRunning
    /// A change of something that does not run.
    case notRunning
    /// Time does not go backwards.
    case negativeInterval(Duration)
    /// The reactor on which it was to run does not exist any more.
    case reactorIsGone

    /// What happened, and what to do.
    public var description: String {
        switch self {
        case .alreadyRunning: "The looping call was started already; stop it first, or use changeInterval."
        case .notRunning: "The looping call does not run; start it with the interval."
        case .negativeInterval(let interval):
            "A looping call cannot have the interval \(interval); expected zero or more."
        case .reactorIsGone: "The looping call's reactor is gone; keep a reference to the reactor."
        }
    }
}
