/// Writes failures to standard error, and folds those that repeat one another, so that a storm of them drowns neither
/// the log nor the loop: two are reported in full, and of the others, once a second, how many they were.
struct FailureReporter {
    /// What tells failures apart: those that read the same and were thrown at the same place are the same.
    private struct Identity: Hashable {
        let headline: String
        let addresses: [UInt]
    }

    private struct Occurrences {
        var reported = 1
        var folded = 0
        /// Since when they are counted.
        var since: UInt64
    }

    private static let second: UInt64 = 1_000_000_000
    /// Where more than this are different from one another, the rest are not remembered.
    private static let limit = 256

    private var recent: [Identity: Occurrences] = [:]
    /// Tracebacks that were shown, and how often: the same need not be shown with each of a thousand different errors.
    private var shown: [[UInt]: Occurrences] = [:]

    /// When there is a count to be reported; `UInt64.max` for never.
    private(set) var summaryDue = UInt64.max

    /// `headline` is that of the failure. It is made before: an error's description may use the reactor, and fail.
    mutating func report(_ failure: CallbackFailure, headline: String, _ style: TracebackStyle) {
        let now = MonotonicClock.now()
        let addresses = failure.traceback?.addresses ?? []
        let identity = Identity(headline: headline, addresses: addresses)
        if let known = recent[identity], now - known.since >= Self.second { finish(identity, now) }
        guard recent[identity]?.reported != 2 else {
            recent[identity]?.folded += 1
            summaryDue = min(summaryDue, recent[identity].map { $0.since + Self.second } ?? .max)
            return
        }
        let showsTraceback = Self.count(addresses, in: &shown, now)
        StandardError.write(failure.report(showsTraceback ? style : .off, headline: headline) + "\n")
        // From now on: the first time, looking the symbols up may have taken long.
        _ = Self.count(identity, in: &recent, MonotonicClock.now())
    }

    /// Reports the counts that are due, or with `all` those that are not yet, too.
    mutating func summarize(all: Bool) {
        let now = MonotonicClock.now()
        guard all || now >= summaryDue else { return }
        summaryDue = .max
        for (identity, occurrences) in recent where occurrences.folded > 0 {
            if all || now - occurrences.since >= Self.second {
                finish(identity, now)
            } else {
                summaryDue = min(summaryDue, occurrences.since + Self.second)
            }
        }
    }

    /// Counts one more in this second; false where there were two already.
    private static func count<Key>(_ key: Key, in table: inout [Key: Occurrences], _ now: UInt64) -> Bool {
        if let known = table[key], now - known.since < second {
            guard known.reported < 2 else { return false }
            table[key]?.reported += 1
        } else {
            if table.count >= limit { table = table.filter { now - $0.value.since < second || $0.value.folded > 0 } }
            if table.count < limit { table[key] = Occurrences(since: now) }
        }
        return true
    }

    /// Says how many came in the time that is over. Where some did, the storm is taken to go on; where none did, the next
    /// one is reported in full.
    private mutating func finish(_ identity: Identity, _ now: UInt64) {
        guard let occurrences = recent.removeValue(forKey: identity), occurrences.folded > 0 else { return }
        recent[identity] = Occurrences(reported: 2, since: now)
        let times = "\(occurrences.folded.grouped) more time\(occurrences.folded == 1 ? "" : "s")"
        let tenths = (now - occurrences.since) / (Self.second / 10)
        StandardError.write("The same failure \(times) in \(tenths / 10).\(tenths % 10) s: \(identity.headline)\n")
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
