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

/// What libev calls for a source that is ready: the loop, the watcher and the events; see `ReadySource.deliver`.
typealias IOTrampoline = @convention(c) (UInt, UInt, Int32) -> Void

/// One `ev_io`: a descriptor and what it is watched for. What is to happen then, its trampoline says.
///
/// A C function for each kind of source, and not a method to override: the call through the class's table is one more jump
/// that the processor cannot foresee, and took a quarter of the instructions that an event costs here. It is a function
/// marked as always inline, and not a closure, of which the optimizer makes two.
@safe class IOSource {
    let descriptor: Int32
    private(set) var events: IOEvents
    private let loop: EventLoop
    private let slot: IOSlots.Slot
    private var isStarted = false
    /// Whether its own callback makes a pass, in which it is not watched; with a host, until the pass is over that has
    /// called it.
    private(set) var isSuspended = false

    /// - Parameter callback: what `ReadySource.call` calls, for a trampoline that does.
    init(
        loop: EventLoop,
        descriptor: Int32,
        events: IOEvents,
        trampoline: IOTrampoline = { _, _, _ in },
        callback: @escaping () throws -> Void = {}
    ) {
        self.loop = loop
        self.descriptor = descriptor
        self.events = events
        unsafe slot = loop.slots.take()
        unsafe slot.initialize(to: IOSlot(callback))
        unsafe IOSlots.assign(slot, to: self)
        unsafe clibev_io_init(watcher, trampoline, descriptor, events.rawValue, events.priority)
        unsafe watcher.pointee.data = Unmanaged.passUnretained(loop).toOpaque()
    }

    deinit {
        unsafe ev_io_stop(loop.pointer, watcher)
        unsafe slot.deinitialize(count: 1)
        unsafe loop.slots.giveBack(slot)
    }

    private var watcher: UnsafeMutablePointer<ev_io> {
        unsafe UnsafeMutableRawPointer(slot).assumingMemoryBound(to: ev_io.self)
    }

    var isActive: Bool { isStarted }

    /// Begins to watch. The descriptor must be open: libev aborts on others.
    func start() {
        guard !isStarted else { return }
        isStarted = true
        if !isSuspended { startWatcher() }
    }

    private func startWatcher() {
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

    /// The source to which a slot belongs.
    static func of(_ slot: IOSlots.Slot) -> IOSource {
        unsafe IOSlots.source(of: slot).takeUnretainedValue()
    }

    /// Before a pass that its callback makes: not watched, whatever that does to it.
    func suspend() {
        guard !isSuspended else { return }
        isSuspended = true
        guard isStarted else { return }
        loop.noteChange(of: descriptor)
        unsafe ev_io_stop(loop.pointer, watcher)
    }

    /// After that: watched again, unless it was stopped in it.
    func endSuspension() {
        isSuspended = false
        if isStarted { startWatcher() }
    }
}

/// A source that libev has found ready, for as long as its trampoline runs.
///
/// No reference to it is taken: whoever closes the source in its own callback leaves it with the loop, which keeps it until
/// the pass is over.
@safe struct ReadySource {
    private let slot: IOSlots.Slot

    /// What a trampoline is made of: calls `body`, which may do anything, closing the source included, with the loop's
    /// receiver and the source. `type` must be the receiver's class.
    @inline(__always)
    static func deliver<Receiver: AnyObject>(
        _ watcher: UInt,
        to type: Receiver.Type,
        _ body: (Receiver, ReadySource) -> Void
    ) {
        let slot = unsafe IOSlots.Slot(bitPattern: watcher).unsafelyUnwrapped
        let loop = unsafe slot.pointee.watcher.data.unsafelyUnwrapped
        unsafe Unmanaged<EventLoop>.fromOpaque(loop)._withUnsafeGuaranteedRef { loop in
            unsafe loop.dispatching = unsafe slot
            unsafe loop.receiver.unsafelyUnwrapped._withUnsafeGuaranteedRef { receiver in
                body(unsafe unsafeDowncast(receiver, to: type), unsafe ReadySource(slot: slot))
            }
        }
    }

    /// Calls the source's callback.
    @inline(__always)
    func call() throws { try unsafe slot.pointee.call() }

    /// The source itself. It lies on other lines of the cache than what is called.
    @inline(__always)
    func with<Source: IOSource, Result>(_ type: Source.Type, _ body: (Source) throws -> Result) rethrows -> Result {
        try unsafe IOSlots.source(of: slot)._withUnsafeGuaranteedRef { try body(unsafe unsafeDowncast($0, to: type)) }
    }
}
