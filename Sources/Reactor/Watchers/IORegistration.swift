/// What the loop knows of a watcher, and what the reactor keeps of it until it is cancelled.
class IORegistration: IOSource {
    fileprivate final let keepsAfterFailure: Bool
    /// Among all in the order of registration.
    final var position: Int
    final let watcher: IOWatcher
    final let watchers: IOWatchers

    fileprivate init(
        _ watcher: IOWatcher,
        _ position: Int,
        _ watchers: IOWatchers,
        _ keepsAfterFailure: Bool,
        _ trampoline: IOTrampoline,
        _ callback: @escaping () throws -> Void = {}
    ) {
        self.watcher = watcher
        self.position = position
        self.watchers = watchers
        self.keepsAfterFailure = keepsAfterFailure
        super.init(
            loop: watchers.loop,
            descriptor: watcher.descriptor,
            events: IOEvents(watcher.interest),
            trampoline: trampoline,
            callback: callback
        )
    }
}

/// What a watcher calls.
enum WatcherCallback {
    case withReadiness((Readiness) throws -> Void)
    case plain(() throws -> Void)
}

extension IORegistration {
    static func make(
        _ watcher: IOWatcher,
        _ position: Int,
        _ watchers: IOWatchers,
        _ keepsAfterFailure: Bool,
        _ callback: WatcherCallback
    ) -> IORegistration {
        switch callback {
        case .withReadiness(let callback):
            ReadinessRegistration(watcher, position, watchers, keepsAfterFailure, callback)
        case .plain(let callback):
            IORegistration(watcher, position, watchers, keepsAfterFailure, plainTrampoline, callback)
        }
    }
}

/// Of a watcher whose callback gets nothing, which is called where it lies: a wrapper of its closure would cost a call at
/// each event.
@inline(__always)
private func plainTrampoline(_ loop: UInt, _ watcher: UInt, _ events: Int32) {
    ReadySource.deliver(watcher, to: Door.self) { door, source in
        if IOEvents(rawValue: events).contains(.error) { return refused(source) }
        door.enter(source)
    }
}

@inline(__always)
private func readinessTrampoline(_ loop: UInt, _ watcher: UInt, _ events: Int32) {
    let events = IOEvents(rawValue: events)
    ReadySource.deliver(watcher, to: Door.self) { door, source in
        if events.contains(.error) { return refused(source) }
        source.with(ReadinessRegistration.self) { registration in
            door.enter(registration, Readiness(watcher: registration.watcher, events: events))
        }
    }
}

@inline(never)
private func refused(_ source: ReadySource) {
    source.with(IORegistration.self) { $0.watchers.refused($0.descriptor) }
}

/// A watcher whose callback gets the readiness.
private final class ReadinessRegistration: IORegistration, CallbackOrigin {
    private let callback: (Readiness) throws -> Void

    init(
        _ watcher: IOWatcher,
        _ position: Int,
        _ watchers: IOWatchers,
        _ keepsAfterFailure: Bool,
        _ callback: @escaping (Readiness) throws -> Void
    ) {
        self.callback = callback
        super.init(watcher, position, watchers, keepsAfterFailure, readinessTrampoline)
    }

    @inline(__always)
    func call(_ readiness: Readiness) throws { try callback(readiness) }
}

/// A plain watcher, as the door sees it.
extension ReadySource: CallbackOrigin {
    @inline(__always)
    func call(_: Void) throws { try call() }
    var kind: CallbackKind { with(IORegistration.self, \.kind) }
    var registeredAt: CallSite { with(IORegistration.self, \.registeredAt) }
    var label: String? { with(IORegistration.self, \.label) }

    func follow(failure: any Error) -> CallbackFailure.Consequence {
        with(IORegistration.self) { $0.follow(failure: failure) }
    }
}

extension IORegistration {
    var kind: CallbackKind { .ioWatcher(descriptor: descriptor, interest: watcher.interest) }
    var registeredAt: CallSite { watcher.registeredAt }
    var label: String? { watcher.label }

    /// Level-triggered readiness comes back in every pass: a callback that fails would fail for ever.
    func follow(failure: any Error) -> CallbackFailure.Consequence {
        guard watcher.isActive, !keepsAfterFailure else { return .none }
        watchers.remove(self)
        return .watcherCancelled
    }
}

extension IOEvents {
    init(_ interest: Interest) { self.init(rawValue: Int32(interest.rawValue & 3)) }
}
