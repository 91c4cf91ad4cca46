import CLibev

/// What a descriptor became ready for, in libev's bits.
struct IOEvents: OptionSet {
    let rawValue: Int32
    static let read = IOEvents(rawValue: 1)
    static let write = IOEvents(rawValue: 2)
    /// libev found the descriptor unusable, and has stopped the source.
    static let error = IOEvents(rawValue: Int32(bitPattern: 0x8000_0000))

    /// Those that only write come last, so that on one descriptor a reader runs before a writer.
    fileprivate var priority: Int32 { self == .write ? -1 : 0 }
}

/// One `ev_io`: a descriptor and what it is watched for. What is to happen then, a subclass says in `ready`.
@safe class IOSource {
    let descriptor: Int32
    private(set) var events: IOEvents
    private let loop: EventLoop
    private let watcher: UnsafeMutablePointer<ev_io>
    private var isStarted = false

    init(loop: EventLoop, descriptor: Int32, events: IOEvents) {
        self.loop = loop
        self.descriptor = descriptor
        self.events = events
        unsafe watcher = .allocate(capacity: 1)
        unsafe clibev_io_init(watcher, trampoline, descriptor, events.rawValue, events.priority)
        unsafe watcher.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit {
        unsafe ev_io_stop(loop.pointer, watcher)
        unsafe watcher.deallocate()
    }

    /// Called in the pass in which the descriptor is ready. May do anything, `close()` included.
    func ready(_ events: IOEvents) {}

    var isActive: Bool { isStarted }

    /// Begins to watch. The descriptor must be open: libev aborts on others.
    func start() {
        guard !isStarted else { return }
        isStarted = true
        loop.noteChange(of: descriptor)
        // As a new descriptor: it may be one, under the number of one that was closed while this was stopped.
        unsafe clibev_io_set(watcher, descriptor, events.rawValue, events.priority)
        unsafe ev_io_start(loop.pointer, watcher)
    }

    /// Ceases to watch; readiness that is already pending is not delivered any more. Where other sources of the descriptor
    /// go on, `noteChange` has to follow: libev tells the kernel what they are interested in.
    func stop() {
        guard isStarted else { return }
        isStarted = false
        unsafe ev_io_stop(loop.pointer, watcher)
    }

    /// Watches for something else from now on.
    func change(to events: IOEvents) {
        let wasStarted = isStarted
        stop()
        self.events = events
        if wasStarted { start() }
    }

    /// Stops for good. The memory is released when no callback can be using it.
    func close() {
        stop()
        loop.retire(self)
    }

    /// The source to which a libev watcher belongs.
    static func of(_ watcher: UnsafeMutablePointer<ev_io>) -> IOSource {
        unsafe Unmanaged<IOSource>.fromOpaque(watcher.pointee.data).takeUnretainedValue()
    }

    /// After a nested pass: watched again, unless it was stopped in it.
    func endSuspension() {
        guard isStarted else { return }
        loop.noteChange(of: descriptor)
        unsafe ev_io_start(loop.pointer, watcher)
    }

    /// libev's callback. No reference is taken: whoever cancels the source in its own callback leaves it with the loop,
    /// which keeps it until the pass is over.
    @inline(__always)
    fileprivate static func deliver(_ watcher: UnsafeMutablePointer<ev_io>, _ events: Int32) {
        unsafe Unmanaged<IOSource>.fromOpaque(watcher.pointee.data)._withUnsafeGuaranteedRef { source in
            unsafe source.loop.dispatching = watcher
            source.ready(IOEvents(rawValue: events))
        }
    }
}

private let trampoline: @convention(c) (OpaquePointer?, UnsafeMutablePointer<ev_io>?, Int32) -> Void = {
    _,
    watcher,
    events in
    unsafe IOSource.deliver(watcher.unsafelyUnwrapped, events)
}
