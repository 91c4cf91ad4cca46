/// Everything that a reactor has to do, or waits for, at one moment: what keeps the loop alive.
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
        /// The calls of the callbacks registered at its place, where a `ReactorFigures` listens.
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
        func entry(
            _ kind: CallbackKind,
            _ label: String?,
            _ site: CallSite,
            age: Duration,
            timeLeft: Duration? = nil,
            isPaused: Bool = false
        ) -> ReactorSnapshot.Entry {
            ReactorSnapshot.Entry(
                kind: kind,
                label: label,
                registeredAt: site,
                age: max(age, .zero),
                timeLeft: timeLeft,
                isPaused: isPaused,
                figures: figures?.callSite(site)
            )
        }
        let delayed = calls.details.map { deadline, call in
            let left = now.duration(to: Instant(nanoseconds: deadline))
            let age = Duration(wholeNanoseconds: call.identity.delay) - left
            return entry(call.kind, call.label, call.registeredAt, age: age, timeLeft: left)
        }
        let watching = watchers.all.map {
            entry(
                .ioWatcher(descriptor: $0.descriptor, interest: $0.interest),
                $0.label,
                $0.registeredAt,
                age: $0.registeredOn.duration(to: machineNow),
                isPaused: $0.isPaused
            )
        }
        let waiting = signals.all.map {
            entry(
                .signalWatcher(signal: $0.signal),
                $0.label,
                $0.registeredAt,
                age: $0.registeredOn.duration(to: machineNow)
            )
        }
        return ReactorSnapshot(entries: delayed + watching + waiting, threadCalls: waitingThreadCalls)
    }
}

extension ReactorSnapshot: CustomStringConvertible {
    /// A table with a line for each entry.
    public var description: String {
        var rows = [["what", "registered at", "age", "left", "calls", "total", "worst"]]
        for entry in entries {
            let what = [entry.kind.description, entry.label.map { "\"\($0)\"" }, entry.isPaused ? "(paused)" : nil]
            rows.append([
                what.compactMap(\.self).joined(separator: " "),
                entry.registeredAt.description,
                entry.age.readable,
                entry.timeLeft.map { $0 < .zero ? "late by \((.zero - $0).readable)" : $0.readable } ?? "",
                entry.figures.map { "\($0.calls)" } ?? "",
                entry.figures?.total.readable ?? "",
                entry.figures?.worst.readable ?? "",
            ])
        }
        let used = rows[0].indices.filter { column in rows.count == 1 || rows.dropFirst().contains { $0[column] != "" }
        }
        let widths = used.map { column in rows.map(\.[column].count).max() ?? 0 }
        let lines = rows.map { row in
            var line = ""
            for (column, width) in zip(used, widths) {
                line += row[column] + String(repeating: " ", count: width - row[column].count + 2)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
        let count = entries.count + threadCalls
        guard count > 0 else { return "Nothing is registered with the reactor." }
        let head = "\(count) thing\(count == 1 ? "" : "s") for the reactor to do:"
        let calls = threadCalls > 0 ? ["a call from a thread, waiting: \(threadCalls)"] : []
        return ([head] + (entries.isEmpty ? [] : lines) + calls).joined(separator: "\n  ")
    }
}
