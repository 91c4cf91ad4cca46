/// The default report of a failed callback, as it goes to standard error.
extension CallbackFailure: CustomStringConvertible {
    /// One sentence with the kind, the place of registration and the error, and one with the consequence, if any.
    public var description: String {
        let place = if let error = error as? any PlacedError { error.place } else { registeredAt.description }
        let origin = [place, kind.detail].compactMap(\.self).joined(separator: ", ")
        let sentence = "Unhandled error in \(kind)\(origin.isEmpty ? "" : " (\(origin))"): \(error)"
        return switch consequence {
        case .none: sentence
        case .watcherCancelled: sentence + "\n  The watcher was cancelled."
        case .loopingCallStopped: sentence + "\n  The looping call was stopped."
        }
    }
}

/// An error that knows better than the call site what its callback is called: C has labels, and no `#fileID`.
package protocol PlacedError: Error {
    /// What stands in the report in place of the call site; nil for nothing.
    var place: String? { get }
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
        }
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
