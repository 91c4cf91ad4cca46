/// What the loop knows of a watcher, and what the reactor keeps of it until it is cancelled.
///
/// Its last properties, and the callback that a subclass has after them, are what an event needs: they lie together,
/// since where there are many watchers each line of the cache that an event touches comes from memory.
class IORegistration: IOSource {
    fileprivate final let keepsAfterFailure: Bool
    /// Among all in the order of registration.
    final var position: Int
    final let watcher: IOWatcher
    final let watchers: IOWatchers
    /// `IOSource`'s own lies on another line.
    fileprivate final let nearLoop: EventLoop
    fileprivate final let door: Door

    init(
        _ watcher: IOWatcher,
        _ position: Int,
        _ watchers: IOWatchers,
        _ keepsAfterFailure: Bool,
        _ trampoline: IOTrampoline
    ) {
        self.watcher = watcher
        self.position = position
        self.watchers = watchers
        self.nearLoop = watchers.loop
        self.door = watchers.door
        self.keepsAfterFailure = keepsAfterFailure
        super.init(
            loop: watchers.loop,
            descriptor: watcher.descriptor,
            events: IOEvents(watcher.interest),
            trampoline: trampoline
        )
    }
}

/// What a watcher calls.
enum WatcherCallback {
    case withReadiness((Readiness) throws -> Void)
    case plain(() throws -> Void)
}

@inline(__always)
private func readinessTrampoline(_ loop: UInt, _ watcher: UInt, _ events: Int32) {
    IOSource.deliver(watcher, to: ReadinessRegistration.self, \.nearLoop) { $0.ready(IOEvents(rawValue: events)) }
}

/// A watcher whose callback gets the readiness.
final class ReadinessRegistration: IORegistration {
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
    fileprivate func ready(_ events: IOEvents) {
        guard !events.contains(.error) else { return watchers.refused(descriptor) }
        door.enter(self, Readiness(watcher: watcher, events: events))
    }
}

@inline(__always)
private func plainTrampoline(_ loop: UInt, _ watcher: UInt, _ events: Int32) {
    IOSource.deliver(watcher, to: PlainRegistration.self, \.nearLoop) { $0.ready(IOEvents(rawValue: events)) }
}

/// A watcher whose callback gets nothing: a wrapper of its closure would cost a call at each event.
final class PlainRegistration: IORegistration {
    private let callback: () throws -> Void

    init(
        _ watcher: IOWatcher,
        _ position: Int,
        _ watchers: IOWatchers,
        _ keepsAfterFailure: Bool,
        _ callback: @escaping () throws -> Void
    ) {
        self.callback = callback
        super.init(watcher, position, watchers, keepsAfterFailure, plainTrampoline)
    }

    @inline(__always)
    fileprivate func ready(_ events: IOEvents) {
        guard !events.contains(.error) else { return watchers.refused(descriptor) }
        door.enter(self)
    }
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
            PlainRegistration(watcher, position, watchers, keepsAfterFailure, callback)
        }
    }
}

extension ReadinessRegistration: CallbackOrigin {
    @inline(__always)
    func call(_ readiness: Readiness) throws { try callback(readiness) }
}

extension PlainRegistration: CallbackOrigin {
    @inline(__always)
    func call(_: Void) throws { try callback() }
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
