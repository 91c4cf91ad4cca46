/// What a callback was called for.
public enum CallbackKind: Sendable, Equatable {
    /// `callLater`, and how long after it was asked for.
    case delayedCall(after: Duration)
    /// `LoopingCall`, and its interval.
    case loopingCall(every: Duration)
    /// `addReader`, `addWriter` or `addWatcher`.
    case ioWatcher(descriptor: Int32, interest: Interest)
    /// `addSignalWatcher`.
    case signalWatcher(signal: Int32)
    /// `callFromThread`.
    case callFromThread
    /// `callWhenRunning`.
    case callWhenRunning
    /// `addSystemEventTrigger`.
    case systemEventTrigger(SystemEventPhase, SystemEvent)
    /// The `onFailure` handler itself.
    case failureHandler
    /// A `ReactorInstrument`, of this type.
    case instrument(String)
}

/// What an I/O watcher waits for.
public struct Interest: OptionSet, Sendable, Hashable, CustomStringConvertible {
    /// Bit 0: reading, bit 1: writing.
    public let rawValue: UInt8
    /// An interest from its bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Until a read would not block.
    public static let read = Interest(rawValue: 1)
    /// Until a write would not block.
    public static let write = Interest(rawValue: 2)
    /// Both.
    public static let readWrite: Interest = [.read, .write]

    /// `read`, `write`, `read and write` or `nothing`.
    public var description: String {
        switch self {
        case .read: "read"
        case .write: "write"
        case .readWrite: "read and write"
        default: "nothing"
        }
    }
}

/// What happens to a reactor as a whole.
public enum SystemEvent: String, Sendable, Hashable {
    /// `run()` begins.
    case startup
    /// `run()` is about to return.
    case shutdown
}

/// When, within a system event, a trigger is called: all of one phase before the first of the next.
public enum SystemEventPhase: String, Sendable, Hashable, CaseIterable {
    case before, during, after
}
