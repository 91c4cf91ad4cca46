/// A callback that held the loop for longer than `Reactor.slowCallbackThreshold`.
public struct SlowCallback: Sendable, CustomStringConvertible {
    /// Which callback.
    public let run: CallbackRun
    /// How long it held the loop: what it took, without the passes that it made itself.
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
    /// Of those that are under way, the innermost last: how long each has held the loop, and since when it does again.
    private var runs: [(held: Duration, since: ReactorInstant)] = []

    init(
        threshold: Duration,
        nextDeadline: @escaping () -> ReactorInstant?,
        report: @escaping (SlowCallback) -> Void
    ) {
        self.threshold = threshold
        self.nextDeadline = nextDeadline
        self.report = report
    }

    func waitBegan(at time: ReactorInstant) { outerRunLetsGo(at: time) }

    func waitEnded(at time: ReactorInstant) { outerRunGoesOn(at: time) }

    func callbackBegan(_ run: CallbackRun) {
        outerRunLetsGo(at: run.began)
        runs.append((.zero, run.began))
    }

    private func outerRunLetsGo(at time: ReactorInstant) {
        guard let last = runs.indices.last else { return }
        runs[last].held += runs[last].since.duration(to: time)
    }

    private func outerRunGoesOn(at time: ReactorInstant) {
        if let last = runs.indices.last { runs[last].since = time }
    }

    func callbackEnded(_ run: CallbackRun, at time: ReactorInstant) {
        // Of one that had begun before it was listened to, all counts.
        let known = runs.popLast() ?? (held: .zero, since: run.began)
        let duration = known.held + known.since.duration(to: time)
        outerRunGoesOn(at: time)
        guard duration > threshold else { return }
        // What was late before is not this callback's doing.
        let madeLate = nextDeadline().flatMap { $0 < time ? max($0, run.began).duration(to: time) : nil }
        report(SlowCallback(run: run, duration: duration, threshold: threshold, madeLate: madeLate))
    }
}
