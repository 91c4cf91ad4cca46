/// A signal that the reactor watches.
///
/// The reactor owns it: dropping this handle cancels nothing, `cancel()` does. For the reactor's thread only.
public final class SignalWatcher {
    /// The signal's number.
    public let signal: Int32
    /// Where it was registered.
    public let registeredAt: CallSite
    /// What reports and snapshots call it, beside its signal; nil at first.
    public var label: String?
    let registeredOn = ReactorInstant.machineNow

    private let owner: OwnerThread
    private var registration: SignalRegistration?

    init(signal: Int32, registeredAt site: CallSite, watchers: SignalWatchers) {
        self.signal = signal
        self.registeredAt = site
        owner = watchers.owner
    }

    func register(_ registration: SignalRegistration) { self.registration = registration }

    /// Whether it is registered.
    public var isActive: Bool { registration != nil }

    /// Ceases to watch; after the signal's last watcher the disposition that was there before the first comes back.
    /// Does nothing on a watcher that is cancelled.
    public func cancel(fileID: StaticString = #fileID, line: UInt = #line) {
        owner.check("SignalWatcher.cancel", CallSite(fileID: fileID, line: line))
        guard let registration else { return }
        registration.watchers.remove(registration)
    }

    /// The registry has let it go.
    func cancelled() { registration = nil }
}

/// All the signal watchers of one reactor.
final class SignalWatchers {
    let loop: EventLoop
    let door: Door
    let owner: OwnerThread
    private var registrations: [SignalRegistration] = []

    init(loop: EventLoop, door: Door, owner: OwnerThread) {
        self.loop = loop
        self.door = door
        self.owner = owner
    }

    func add(
        _ signal: Int32,
        _ site: CallSite,
        _ callback: @escaping () throws -> Void
    ) throws(SignalError) -> SignalWatcher {
        let watcher = SignalWatcher(signal: signal, registeredAt: site, watchers: self)
        let registration = SignalRegistration(watcher: watcher, watchers: self, callback: callback)
        try registration.start()
        registrations.append(registration)
        watcher.register(registration)
        return watcher
    }

    func remove(_ registration: SignalRegistration) {
        registrations = registrations.filter { $0 !== registration }
        registration.close()
        registration.watcher.cancelled()
    }

    func removeAll() {
        for registration in registrations { remove(registration) }
    }

    var all: [SignalWatcher] { registrations.map(\.watcher) }
}

/// What the loop knows of a signal watcher, and what the reactor keeps of it until it is cancelled.
final class SignalRegistration: SignalSource {
    let watcher: SignalWatcher
    private let callback: () throws -> Void
    private let door: Door
    let watchers: SignalWatchers

    init(watcher: SignalWatcher, watchers: SignalWatchers, callback: @escaping () throws -> Void) {
        self.watcher = watcher
        self.callback = callback
        self.door = watchers.door
        self.watchers = watchers
        super.init(loop: watchers.loop, signal: watcher.signal)
    }

    override func received() {
        door.enter(self)
    }
}

extension SignalRegistration: CallbackOrigin {
    func call(_: Void) throws { try callback() }
    var kind: CallbackKind { .signalWatcher(signal: signal) }
    var registeredAt: CallSite { watcher.registeredAt }
    var label: String? { watcher.label }
}
