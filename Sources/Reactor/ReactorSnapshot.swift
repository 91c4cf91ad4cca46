/// What a reactor has to do, or waits for, at one moment: what keeps the loop alive. Without the calls of
/// `callWhenRunning`, which the next pass makes, and the triggers of its start and end.
public struct ReactorSnapshot: Sendable {
    /// Something that is registered.
    public struct Entry: Sendable {
        /// What it is.
        public let kind: CallbackKind
        /// What the program calls it, if it has given it a name.
        public let label: String?
        /// Where it was registered.
        public let registeredAt: CallSite
        /// How long ago it was registered; of a delayed call that was given another deadline, how long ago a call
        /// with its delay would have been.
        public let age: Duration
        /// How long until it is called, of a delayed call; negative where that is late.
        public let timeLeft: Duration?
        /// Whether it waits to be resumed.
        public let isPaused: Bool
        /// The calls of the callbacks registered at its place, where a `ReactorFigures` listens and
        /// the place is known, as it is not in C.
        public let figures: ReactorFigures.CallSiteFigures?
    }

    /// Delayed calls in the order in which they will be made, then the watchers of descriptors and of signals.
    public let entries: [Entry]
    /// How many calls from threads wait for the next pass.
    public let threadCalls: Int
}

extension Reactor {
    /// What is registered now. With a `ReactorFigures` among the instruments it tells how often each place's callbacks
    /// were called, and how long they took.
    ///
    /// Where the environment variable `REACTOR_SNAPSHOT` is `1`, the shared reactor has one, and SIGUSR1 prints the
    /// snapshot on standard error.
    public func snapshot(fileID: StaticString = #fileID, line: UInt = #line) -> ReactorSnapshot {
        owner.check("Reactor.snapshot", CallSite(fileID: fileID, line: line))
        let now = now
        let machineNow = Instant.machineNow
        let figures = door.instrument(ReactorFigures.self)
        var entries: [ReactorSnapshot.Entry] = []
        @inline(never)
        func add(
            _ kind: CallbackKind,
            _ label: String?,
            _ site: CallSite,
            age: Duration,
            timeLeft: Duration? = nil,
            isPaused: Bool = false
        ) {
            let entry = ReactorSnapshot.Entry(
                kind: kind,
                label: label,
                registeredAt: site,
                age: max(age, .zero),
                timeLeft: timeLeft,
                isPaused: isPaused,
                figures: figures?.callSite(site)
            )
            entries.append(entry)
        }
        for (deadline, identity, site) in calls.details {
            let left = now.duration(to: Instant(nanoseconds: deadline))
            let age = Duration(wholeNanoseconds: identity.delay) - left
            add(identity.kind, identity.label, site, age: age, timeLeft: left)
        }
        for watcher in watchers.all {
            add(
                .ioWatcher(descriptor: watcher.descriptor, interest: watcher.interest),
                watcher.label,
                watcher.registeredAt,
                age: watcher.registeredOn.duration(to: machineNow),
                isPaused: watcher.isPaused
            )
        }
        for watcher in signals.all {
            add(
                .signalWatcher(signal: watcher.signal),
                watcher.label,
                watcher.registeredAt,
                age: watcher.registeredOn.duration(to: machineNow)
            )
        }
        return ReactorSnapshot(entries: entries, threadCalls: waitingThreadCalls)
    }
}

extension ReactorSnapshot: CustomStringConvertible {
    /// A table with a line for each entry.
    public var description: String {
        let count = entries.count + threadCalls
        guard count > 0 else { return "Nothing is registered with the reactor." }
        var lines = ["\(count) thing\(count == 1 ? "" : "s") for the reactor to do:"]
        if !entries.isEmpty { lines += table }
        if threadCalls > 0 { lines.append("a call from a thread, waiting: \(threadCalls)") }
        return lines.joined(separator: "\n  ")
    }

    /// Without the columns that nothing is in.
    private var table: [String] {
        let hasSites = entries.contains { $0.registeredAt.isKnown }
        let hasDeadlines = entries.contains { $0.timeLeft != nil }
        let hasFigures = entries.contains { $0.figures != nil }
        var rows = [["what"]]
        if hasSites { rows[0].append("registered at") }
        rows[0].append("age")
        if hasDeadlines { rows[0].append("left") }
        if hasFigures { rows[0] += ["calls", "total", "worst"] }
        for entry in entries {
            var row = [entry.what]
            if hasSites { row.append(entry.registeredAt.description) }
            row.append(entry.age.readable)
            if hasDeadlines { row.append(entry.readableTimeLeft) }
            if hasFigures {
                row.append(entry.figures.map { "\($0.calls)" } ?? "")
                row.append(entry.figures?.total.readable ?? "")
                row.append(entry.figures?.worst.readable ?? "")
            }
            rows.append(row)
        }
        return aligned(rows, gap: 2)
    }
}

extension ReactorSnapshot.Entry {
    fileprivate var what: String {
        kind.named(label) + (isPaused ? " (paused)" : "")
    }

    fileprivate var readableTimeLeft: String {
        guard let timeLeft else { return "" }
        return timeLeft < .zero ? "late by \((.zero - timeLeft).readable)" : timeLeft.readable
    }
}
