/// A callback for a system event: the beginning or the end of a `run()`.
///
/// The reactor owns it: dropping this handle cancels nothing, `cancel()` does. For the reactor's thread only.
public final class SystemEventTrigger {
    fileprivate let phase: SystemEventPhase
    fileprivate let event: SystemEvent
    /// Where it was registered.
    public let registeredAt: CallSite
    fileprivate let owner: OwnerThread
    fileprivate var callback: (() throws -> Void)?

    init(
        _ phase: SystemEventPhase,
        _ event: SystemEvent,
        _ site: CallSite,
        owner: OwnerThread,
        callback: @escaping () throws -> Void
    ) {
        self.phase = phase
        self.event = event
        self.registeredAt = site
        self.owner = owner
        self.callback = callback
    }

    /// Whether it will be called at the next such event.
    public var isActive: Bool { callback != nil }

    /// Takes it back. Does nothing on one that is cancelled.
    public func cancel(fileID: StaticString = #fileID, line: UInt = #line) {
        owner.check("SystemEventTrigger.cancel", CallSite(fileID: fileID, line: line))
        callback = nil
    }
}

extension SystemEventTrigger: CallbackOrigin {
    func call(_: Void) throws { try callback?() }
    var kind: CallbackKind { .systemEventTrigger(phase, event) }
}

/// All the system event triggers of one reactor.
struct SystemEventTriggers {
    private var triggers: [SystemEventTrigger] = []

    mutating func add(_ trigger: SystemEventTrigger) {
        triggers = triggers.filter { $0.isActive }
        triggers.append(trigger)
    }

    /// Those of one phase of an event, in the order of their registration.
    func all(_ phase: SystemEventPhase, _ event: SystemEvent) -> [SystemEventTrigger] {
        triggers.filter { $0.isActive && $0.phase == phase && $0.event == event }
    }
}

extension Door {
    /// Calls a trigger, unless it was cancelled a moment ago.
    func call(_ trigger: SystemEventTrigger) {
        if trigger.isActive { enter(trigger) }
    }
}
