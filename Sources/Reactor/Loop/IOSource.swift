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

/// What libev calls for a source that is ready: the loop, the watcher and the events; see `IOSource.deliver`.
typealias IOTrampoline = @convention(c) (UInt, UInt, Int32) -> Void

/// One `ev_io`: a descriptor and what it is watched for. What is to happen then, a subclass says with its trampoline.
///
/// A C function for each subclass, and not a method to override: the call through the class's table is one more jump that
/// the processor cannot foresee, and took a quarter of the instructions that an event costs here. It is a function marked
/// as always inline, and not a closure, of which the optimizer makes two.
@safe class IOSource {
    let descriptor: Int32
    private(set) var events: IOEvents
    private let loop: EventLoop
    private let watcher: UnsafeMutablePointer<ev_io>
    private var isStarted = false
    /// Whether its own callback makes a pass, in which it is not watched; with a host, until the pass is over that has
    /// called it.
    private(set) var isSuspended = false

    init(
        loop: EventLoop,
        descriptor: Int32,
        events: IOEvents,
        trampoline: IOTrampoline = { _, _, _ in }
    ) {
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

    /// The source to which a libev watcher belongs.
    static func of(_ watcher: UnsafeMutablePointer<ev_io>) -> IOSource {
        unsafe Unmanaged<IOSource>.fromOpaque(watcher.pointee.data).takeUnretainedValue()
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

    /// What a subclass's trampoline is made of: calls `body`, which may do anything, `close()` included, with the source.
    /// `loop` tells what its loop is.
    ///
    /// No reference is taken: whoever cancels the source in its own callback leaves it with the loop, which keeps it until
    /// the pass is over. `type` must be the source's class.
    @inline(__always)
    static func deliver<Source: IOSource>(
        _ watcher: UInt,
        to type: Source.Type,
        _ loop: (Source) -> EventLoop,
        _ body: (Source) -> Void
    ) {
        let watcher = unsafe UnsafeMutablePointer<ev_io>(bitPattern: watcher).unsafelyUnwrapped
        unsafe Unmanaged<Source>.fromOpaque(watcher.pointee.data.unsafelyUnwrapped)._withUnsafeGuaranteedRef { source in
            unsafe loop(source).dispatching = watcher
            body(source)
        }
    }
}
