/// What a watched descriptor is ready for, as its watcher's callback gets it.
public struct Readiness {
    /// The watcher whose callback this is.
    public let watcher: IOWatcher
    private let events: IOEvents

    @inline(__always)
    init(watcher: IOWatcher, events: IOEvents) {
        self.watcher = watcher
        self.events = events
    }

    /// The descriptor.
    public var descriptor: Int32 { watcher.descriptor }

    /// A read would not block: there is something, or the end, or an error.
    public var isReadable: Bool { events.contains(.read) }

    /// A write would not block: there is room, or an error.
    public var isWritable: Bool { events.contains(.write) }

    /// Whether the other side has hung up (POLLHUP). A hang-up also makes the descriptor readable and writable.
    ///
    /// libev does not hand this on, so it is asked for when it is needed: one poll(2), at the time of the question.
    public var isHungUp: Bool { Descriptor.condition(of: descriptor).isHungUp }

    /// Whether an error is waiting on the descriptor (POLLERR), which the next read or write, or SO_ERROR, tells. It also
    /// makes the descriptor readable and writable. One poll(2), at the time of the question.
    public var hasError: Bool { Descriptor.condition(of: descriptor).hasError }
}
