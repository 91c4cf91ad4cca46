/// A callback that threw: what, from where, of which kind, who registered it, and what that led to.
public struct CallbackFailure {
    /// What became of the registration whose callback failed.
    public enum Consequence: Sendable, Equatable {
        /// Nothing: it was a single call, or it stays registered.
        case none
        /// The watcher was cancelled; its descriptor would have been ready again for ever.
        case watcherCancelled
        /// The looping call was stopped.
        case loopingCallStopped
        /// The instrument was removed.
        case instrumentRemoved
    }

    /// What was thrown.
    public let error: any Error
    /// What kind of callback threw it.
    public let kind: CallbackKind
    /// What the program calls the registration, if it has given it a name.
    public let label: String?
    /// Where the callback was registered.
    public let registeredAt: CallSite
    /// From where it was thrown; nil where nothing was, or where tracebacks are off.
    public internal(set) var traceback: Traceback?
    /// When, on the machine's monotonic clock.
    public let when: ReactorInstant
    /// What became of the registration.
    public let consequence: Consequence

    /// A failure to be handed to `Reactor.report`, for code that catches its callbacks' errors itself.
    ///
    /// Without a traceback it gets that of the error, where this was thrown in a callback of the reactor.
    public init(
        error: any Error,
        kind: CallbackKind,
        label: String? = nil,
        registeredAt: CallSite,
        traceback: Traceback? = nil,
        when: ReactorInstant = .machineNow,
        consequence: Consequence = .none
    ) {
        self.error = error
        self.kind = kind
        self.label = label
        self.registeredAt = registeredAt
        self.traceback = traceback
        self.when = when
        self.consequence = consequence
    }
}
