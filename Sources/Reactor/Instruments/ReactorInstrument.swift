/// Listens to what a reactor does: its waits, and each callback. To be handed to `Reactor.addInstrument`.
///
/// All methods are called on the reactor's thread, in between what they tell of, so they should be quick; each does
/// nothing unless it is implemented. One that is added in the middle of a callback may be told of its end alone. What an
/// instrument itself makes the reactor do is not told to any. One that throws is reported, and removed.
public protocol ReactorInstrument: AnyObject {
    /// The reactor looks what is ready, and sleeps until something is. Once in each pass.
    func waitBegan(at time: ReactorInstant) throws
    /// It looks, or sleeps, no more.
    func waitEnded(at time: ReactorInstant) throws
    /// A callback is about to be called. It is called also where this cancels what it is called for.
    func callbackBegan(_ run: CallbackRun) throws
    /// A callback has returned, or thrown; callbacks that it called in a nested pass are over, too.
    func callbackEnded(_ run: CallbackRun, at time: ReactorInstant) throws
    /// A failure is about to be reported.
    func callbackFailed(_ failure: CallbackFailure) throws
}

extension ReactorInstrument {
    public func waitBegan(at time: ReactorInstant) throws {}
    public func waitEnded(at time: ReactorInstant) throws {}
    public func callbackBegan(_ run: CallbackRun) throws {}
    public func callbackEnded(_ run: CallbackRun, at time: ReactorInstant) throws {}
    public func callbackFailed(_ failure: CallbackFailure) throws {}
}

/// One call of a callback.
public struct CallbackRun: Sendable {
    /// What it was called for.
    public let kind: CallbackKind
    /// What the program calls the registration, if it has given it a name.
    public let label: String?
    /// Where it was registered.
    public let registeredAt: CallSite
    /// When it was to be called, of a delayed call; nil of others, and under a virtual clock.
    public let due: ReactorInstant?
    /// When it was called, on the machine's clock.
    public let began: ReactorInstant

    /// How much later it was called than it was to be; nil where that is not known.
    public var lateness: Duration? { due.map { $0.duration(to: began) } }

    /// What and where, for a report: `a delayed call (Countdown.swift:14, after 1.0 s)`.
    var what: String { kind.description(label: label, place: registeredAt.isKnown ? registeredAt.description : nil) }
}
