/// The default report of a failed callback, as it goes to standard error.
extension CallbackFailure: CustomStringConvertible {
    /// The report with the program's own frames.
    public var description: String { report(.short) }

    /// One sentence with the kind, the place of registration and the error; the traceback, if there is one; and one
    /// sentence with the consequence, if any.
    public func report(_ style: TracebackStyle) -> String { report(style, headline: headline) }

    func report(_ style: TracebackStyle, headline: String) -> String {
        var lines = [headline]
        if let traceback = traceback?.lines(style), !traceback.isEmpty {
            lines.append("Traceback (most recent call first):")
            lines += traceback.map { "  " + $0 }
            if let place { lines.append("registered at \(place)") }
        }
        switch consequence {
        case .none: break
        case .watcherCancelled: lines.append("  The watcher was cancelled.")
        case .loopingCallStopped: lines.append("  The looping call was stopped.")
        case .instrumentRemoved: lines.append("  The instrument was removed.")
        }
        return lines.joined(separator: "\n")
    }

    private var place: String? {
        registeredAt.isKnown ? registeredAt.description : nil
    }

    /// The report's first sentence.
    package var headline: String {
        let label = label ?? (error as? any ForeignError)?.label
        return "Unhandled error in \(kind.description(label: label, place: place)): \("\(error)".printable)"
    }
}

/// An error that was not thrown in Swift but returned by C, and so has no traceback.
package protocol ForeignError: Error {
    /// What C calls the callback.
    var label: String? { get }
}

extension CallbackKind: CustomStringConvertible {
    /// With its article: `a delayed call`.
    public var description: String {
        switch self {
        case .delayedCall: "a delayed call"
        case .loopingCall: "a looping call"
        case .ioWatcher(let descriptor, .read): "a reader of descriptor \(descriptor)"
        case .ioWatcher(let descriptor, .write): "a writer to descriptor \(descriptor)"
        case .ioWatcher(let descriptor, _): "a watcher of descriptor \(descriptor)"
        case .signalWatcher(let signal): "a watcher of signal \(signal)"
        case .callFromThread: "a call from a thread"
        case .callWhenRunning: "a call when running"
        case .systemEventTrigger(let phase, let event): "a trigger \(phase) \(event)"
        case .failureHandler: "the failure handler"
        case .instrument(let name): "the instrument \(name)"
        }
    }

    /// With what else tells the callback from others: `a delayed call (Countdown.swift:14, after 1.0 s)`.
    func description(label: String?, place: String?) -> String {
        let what = named(label)
        let origin = [place, detail].compactMap(\.self).joined(separator: ", ")
        return origin.isEmpty ? what : "\(what) (\(origin))"
    }

    /// With what the program calls it: `a delayed call "retry"`.
    func named(_ label: String?) -> String {
        label.map { "\(description) \"\($0.printableLine)\"" } ?? description
    }

    /// What else tells this callback from others of its kind.
    fileprivate var detail: String? {
        switch self {
        case .delayedCall(let delay): "after \(delay.inSeconds)"
        case .loopingCall(let interval): "every \(interval.inSeconds)"
        default: nil
        }
    }
}

extension Duration {
    /// As short as it can be told without losing what counts: `1.0 s`, `0.25 s`, `0.000000001 s`.
    fileprivate var inSeconds: String {
        let nanoseconds = nanosecondsRoundedUp
        var fraction = String(nanoseconds % 1_000_000_000 + 1_000_000_000).dropFirst()
        while fraction.count > 1, fraction.last == "0" { fraction.removeLast() }
        return "\(nanoseconds / 1_000_000_000).\(fraction) s"
    }
}
