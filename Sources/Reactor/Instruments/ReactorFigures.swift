/// What a reactor has done since this was added to it, in figures.
///
///     let figures = ReactorFigures()
///     reactor.addInstrument(figures)
///
/// For the reactor's thread only. `Reactor.snapshot()` takes the figures of each call site from here.
public final class ReactorFigures: ReactorInstrument {
    /// Rounds of waiting and calling back.
    public private(set) var passes = 0
    /// How many callbacks were called.
    public private(set) var callbacks = 0
    /// How many of them, and of what is reported by hand, failed.
    public private(set) var failures = 0
    /// How long the reactor waited for something to do.
    public private(set) var asleep = Duration.zero
    /// How long it was busy between two waits. What the program does outside of `run` counts as well.
    public private(set) var awake = Duration.zero
    /// How much later than its deadline each delayed call was made: what every callback before it has cost.
    public private(set) var lag = LagHistogram()

    /// The calls of the callbacks that were registered at one place.
    public struct CallSiteFigures: Sendable {
        /// How often they were called.
        public internal(set) var calls = 0
        /// How long all the calls took.
        public internal(set) var total = Duration.zero
        /// How long the longest took.
        public internal(set) var worst = Duration.zero
    }

    private struct Place: Hashable {
        let file: String
        let line: UInt32
    }

    private var places: [Place: CallSiteFigures] = [:]
    private var waitBegan: ReactorInstant?
    private var waitEnded: ReactorInstant?

    /// Nothing is counted until it is added to a reactor.
    public init() {}

    /// The figures of the callbacks that were registered there; nil where none was called yet, and where the place is
    /// not known, as of what C registers.
    public func callSite(_ site: CallSite) -> CallSiteFigures? { Self.place(site).flatMap { places[$0] } }

    /// Nil of no place: what has none would all be counted as one.
    private static func place(_ site: CallSite) -> Place? {
        site.isKnown ? Place(file: site.fileID.description, line: site.line) : nil
    }

    public func waitBegan(at time: ReactorInstant) {
        if let waitEnded { awake += waitEnded.duration(to: time) }
        waitBegan = time
    }

    public func waitEnded(at time: ReactorInstant) {
        passes += 1
        if let waitBegan { asleep += waitBegan.duration(to: time) }
        waitEnded = time
    }

    public func callbackBegan(_ run: CallbackRun) {
        callbacks += 1
        if let lateness = run.lateness { lag.add(lateness) }
    }

    public func callbackEnded(_ run: CallbackRun, at time: ReactorInstant) {
        guard let place = Self.place(run.registeredAt) else { return }
        let duration = run.began.duration(to: time)
        var figures = places[place, default: CallSiteFigures()]
        figures.calls += 1
        figures.total += duration
        figures.worst = max(figures.worst, duration)
        places[place] = figures
    }

    public func callbackFailed(_ failure: CallbackFailure) { failures += 1 }
}

extension ReactorFigures: CustomStringConvertible {
    /// One line: `12 passes, 30 callbacks, 1 failure, asleep 9.8 s, awake 0.2 s, lag p50 0.1 ms, p99 2 ms, max 3 ms`.
    public var description: String {
        """
        \(passes) passes, \(callbacks) callbacks, \(failures) failures, asleep \(asleep.readable), \
        awake \(awake.readable), lag p50 \(lag.quantile(0.5).readable), p99 \(lag.quantile(0.99).readable), \
        max \(lag.maximum.readable)
        """
    }
}
