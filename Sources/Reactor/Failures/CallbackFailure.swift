/// A callback that threw: what, of which kind, who registered it, and what that led to.
public struct CallbackFailure {
    /// What became of the registration whose callback failed.
    public enum Consequence: Sendable, Equatable {
        /// Nothing: it was a single call, or it stays registered.
        case none
        /// The watcher was cancelled; its descriptor would have been ready again for ever.
        case watcherCancelled
        /// The looping call was stopped.
        case loopingCallStopped
    }

    /// What was thrown.
    public let error: any Error
    /// What kind of callback threw it.
    public let kind: CallbackKind
    /// Where the callback was registered.
    public let registeredAt: CallSite
    /// What became of the registration.
    public let consequence: Consequence

    /// A failure to be handed to `Reactor.report`, for code that catches its callbacks' errors itself.
    public init(
        error: any Error,
        kind: CallbackKind,
        registeredAt: CallSite,
        consequence: Consequence = .none
    ) {
        self.error = error
        self.kind = kind
        self.registeredAt = registeredAt
        self.consequence = consequence
    }
}
