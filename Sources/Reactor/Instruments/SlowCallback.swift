/// A callback that held the loop for longer than `Reactor.slowCallbackThreshold`.
public struct SlowCallback: Sendable, CustomStringConvertible {
    /// Which callback.
    public let run: CallbackRun
    /// How long it took.
    public let duration: Duration
    /// What it was allowed to take.
    public let threshold: Duration
    /// How late the first of the delayed calls is by now that became due meanwhile; nil where none did.
    public let madeLate: Duration?

    /// `Slow callback: a delayed call (Main.swift:14, after 1.0 s) held the loop for 120 ms (threshold 50.0 ms).`
    public var description: String {
        let consequence = madeLate.map { " The next delayed call is \($0.readable) late." } ?? ""
        return "Slow callback: \(run.what) held the loop for \(duration.readable) "
            + "(threshold \(threshold.readable)).\(consequence)"
    }
}

/// Finds callbacks that are slow.
final class SlowCallbackInstrument: ReactorInstrument {
    let threshold: Duration
    private let nextDeadline: () -> ReactorInstant?
    private let report: (SlowCallback) -> Void

    init(
        threshold: Duration,
        nextDeadline: @escaping () -> ReactorInstant?,
        report: @escaping (SlowCallback) -> Void
    ) {
        self.threshold = threshold
        self.nextDeadline = nextDeadline
        self.report = report
    }

    func callbackEnded(_ run: CallbackRun, at time: ReactorInstant) {
        let duration = run.began.duration(to: time)
        guard duration > threshold else { return }
        // What was late before is not this callback's doing.
        let madeLate = nextDeadline().flatMap { $0 < time ? max($0, run.began).duration(to: time) : nil }
        report(SlowCallback(run: run, duration: duration, threshold: threshold, madeLate: madeLate))
    }
}
