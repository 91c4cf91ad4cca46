/// Folds failures that repeat one another, so that a storm of them drowns neither the log nor the loop: two are reported
/// in full, and of the others, once a second, how many they were.
///
/// A class: what it reports to may use the reactor, and so come back while it is being told.
final class FailureReporter {
    /// What tells failures apart: those that read the same and were thrown at the same place are the same.
    private struct Identity: Equatable {
        let headline: String
        let addresses: [UInt]
    }

    private final class Occurrences {
        let identity: Identity
        /// Since when they are counted.
        let since: UInt64
        var reported: Int
        var folded = 0
        /// What is repeated, where some are folded. Without the error, which may hold anything.
        var repeated: Callback?

        init(_ identity: Identity, since: UInt64, reported: Int = 1) {
            self.identity = identity
            self.since = since
            self.reported = reported
        }

        /// Not yet where they came while another report was written.
        func isOver(_ now: UInt64) -> Bool { now > since && now - since >= second }

        func fold(_ failure: CallbackFailure) {
            folded += 1
            if repeated != nil { return }
            repeated = Callback(kind: failure.kind, label: failure.label, registeredAt: failure.registeredAt)
        }
    }

    private struct Callback {
        let kind: CallbackKind
        let label: String?
        let registeredAt: CallSite
    }

    private static let second: UInt64 = 1_000_000_000
    /// Where more than this are different from one another, the rest are not remembered.
    private static let limit = 256

    private var recent: [Occurrences] = []
    /// Tracebacks that were shown, without a headline: the same need not be shown with each of a thousand different errors.
    private var shown: [Occurrences] = []

    /// When there is a count to be reported; `UInt64.max` for never.
    private(set) var summaryDue = UInt64.max

    func report(_ failure: CallbackFailure, _ style: TracebackStyle, to outlet: any ReportOutlet) {
        // Made once and before anything else: an error's description may use the reactor, and fail there.
        let headline = failure.headline
        let now = MonotonicClock.now()
        let addresses = failure.traceback?.addresses ?? []
        let identity = Identity(headline: headline, addresses: addresses)
        if let known = recent.first(where: { $0.identity == identity }), known.isOver(now) {
            finish(known, now, outlet)
        }
        if let known = recent.first(where: { $0.identity == identity }), known.reported == 2 {
            known.fold(failure)
            summaryDue = min(summaryDue, known.since + Self.second)
            return
        }
        let showsTraceback = Self.count(Identity(headline: "", addresses: addresses), in: &shown, now)
        outlet.write(failure, headline: headline, showsTraceback ? style : .off)
        // From now on: the first time, looking the symbols up may have taken long.
        _ = Self.count(identity, in: &recent, MonotonicClock.now())
    }

    /// Reports the counts that are due, or with `all` those that are not yet, too.
    func summarize(all: Bool, to outlet: any ReportOutlet) {
        let now = MonotonicClock.now()
        guard all || now >= summaryDue else { return }
        summaryDue = .max
        for occurrences in recent where occurrences.folded > 0 {
            if all || occurrences.isOver(now) {
                finish(occurrences, max(now, occurrences.since), outlet)
            } else {
                summaryDue = min(summaryDue, occurrences.since + Self.second)
            }
        }
    }

    /// Counts one more in this second; false where there were two already.
    private static func count(_ identity: Identity, in list: inout [Occurrences], _ now: UInt64) -> Bool {
        if let known = list.first(where: { $0.identity == identity }) {
            // One that was folded while this report was written has a count to tell yet, however long that took.
            if !known.isOver(now) || known.folded > 0 {
                guard known.reported < 2 else { return false }
                known.reported += 1
                return true
            }
            list = list.filter { $0 !== known }
        }
        if list.count >= limit { list = list.filter { !$0.isOver(now) || $0.folded > 0 } }
        if list.count < limit { list.append(Occurrences(identity, since: now)) }
        return true
    }

    /// Says how many came in the time that is over. Where some did, the storm is taken to go on; where none did, the next
    /// one is reported in full.
    private func finish(_ occurrences: Occurrences, _ now: UInt64, _ outlet: any ReportOutlet) {
        // What was told of others may have failed, and have come here already.
        guard let position = recent.firstIndex(where: { $0 === occurrences }) else { return }
        recent.remove(at: position)
        guard let callback = occurrences.repeated else { return }
        recent.append(Occurrences(occurrences.identity, since: now, reported: 2))
        outlet.write(
            RepeatedFailure(
                headline: occurrences.identity.headline,
                kind: callback.kind,
                label: callback.label,
                registeredAt: callback.registeredAt,
                count: occurrences.folded,
                duration: Duration(wholeNanoseconds: now - occurrences.since)
            )
        )
    }
}

/// A failure that came again and again, and how often it was not reported for that.
package struct RepeatedFailure: CustomStringConvertible {
    package let headline: String
    package let kind: CallbackKind
    package let label: String?
    package let registeredAt: CallSite
    package let count: Int
    /// In which these came.
    package let duration: Duration

    /// `The same failure 9,998 more times in 1.0 s: Unhandled error in a delayed call (Main.swift:14): mishap 1`
    package var description: String {
        let tenths = duration.nanosecondsRoundedUp / 100_000_000
        let times = "\(count.grouped) more time\(count == 1 ? "" : "s")"
        return "The same failure \(times) in \(tenths / 10).\(tenths % 10) s: \(headline)"
    }
}

extension Int {
    /// With a comma at each third digit: `9,998`.
    var grouped: String {
        let digits = Array(String(self))
        var text = ""
        for (position, digit) in digits.enumerated() {
            if position > 0, (digits.count - position).isMultiple(of: 3), digits[position - 1] != "-" { text += "," }
            text.append(digit)
        }
        return text
    }
}
