import CLibev

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One libev loop. It waits, and hands what became ready to its sources; what happens when, the reactor decides.
///
/// libev's own order of a pass (timers, then descriptors, dispatched from inside `ev_run`) is not the reactor's, so
/// `ev_run` only polls here: `ev_set_invoke_pending_cb` takes the dispatching out of it, and `dispatch()` does that
/// afterwards. A nested pass therefore never re-enters `ev_run`.
@safe final class EventLoop {
    let backend: ReactorBackend
    let pointer: OpaquePointer
    let wakeup: Wakeup
    private let wakeupWatcher: UnsafeMutablePointer<ev_io>
    private var signals = SignalSources()
    private var hasDueSignals = false
    #if os(Linux)
        private var host: HostDescriptor?
        private var hasHost = false
    #endif

    /// The source whose callback is on the stack, if one is, for `pass` when it is nested. No reference is kept: a
    /// cancelled source lives in `retired` until the outermost pass is over.
    var dispatching: UnsafeMutablePointer<ev_io>?

    /// How many passes are under way: 0 outside of any, more than 1 inside a nested one.
    private(set) var depth = 0

    /// Descriptors whose sources were started or stopped since the last poll.
    private var changedDescriptors: [Int32] = []
    /// Whether the array has something, and so below: each look at an array of a class is checked for exclusivity at run
    /// time, and these are looked at in each pass.
    private var hasChanges = false

    /// Told of each such change; for a host.
    var whenChanged: (() -> Void)? {
        didSet { isHosted = whenChanged != nil }
    }
    private var isHosted = false

    /// Sources that were cancelled in this pass. libev may still hold their addresses, and their callbacks may be on
    /// the stack, so they are released only when the outermost pass is over.
    private var retired: [AnyObject] = []
    private var hasRetired = false

    /// A loop that never runs, in which the backend's descriptor is looked up.
    private let scratch: OpaquePointer
    private var forkGeneration = ForkWatch.generation

    /// Whether libev may go through all descriptors before the next poll, one system call for each, and abort on any
    /// that is closed.
    private(set) var isRebuilding = false
    #if os(Linux)
        private var stale = StaleRegistrations()
    #endif
    /// Whether `stale` has something to look for.
    private var mayHoldStale = false
    /// Whether the kernel's set is the parent's too, this being a forked child that has not polled yet.
    private var isShared = false

    /// Throws `ReactorError.backendUnavailable`, or `.outOfDescriptors` where the system has none left.
    init(backend: ReactorBackend) throws(ReactorError) {
        guard ReactorBackend.available.contains(backend) else {
            throw .backendUnavailable(backend.rawValue, available: ReactorBackend.available)
        }
        ForkWatch.start()
        wakeup = try Wakeup()
        // Without EVFLAG_NOENV, LIBEV_FLAGS in the environment would override the program's choice.
        guard let loop = unsafe ev_loop_new(backend.flag | UInt32(EVFLAG_NOENV)),
            let scratch = unsafe ev_loop_new(UInt32(EVBACKEND_SELECT) | UInt32(EVFLAG_NOENV))
        else { throw .outOfDescriptors }
        self.backend = backend
        unsafe self.pointer = loop
        unsafe self.scratch = scratch
        unsafe wakeupWatcher = .allocate(capacity: 1)
        unsafe ev_set_invoke_pending_cb(loop, { _ in })
        // Of a higher priority than all others: signals come before descriptors.
        unsafe clibev_io_init(wakeupWatcher, wakeupTrampoline, wakeup.descriptor, IOEvents.read.rawValue, 1)
        unsafe wakeupWatcher.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        unsafe ev_io_start(loop, wakeupWatcher)
    }

    deinit {
        unsafe ev_io_stop(pointer, wakeupWatcher)
        unsafe wakeupWatcher.deallocate()
        unsafe ev_loop_destroy(scratch)
        unsafe ev_loop_destroy(pointer)
    }

    /// The wake-up's own callback.
    fileprivate func wakeUp() {
        unsafe dispatching = nil
        // In a child that was forked in this pass it is the parent's, who has yet to see it.
        if forkGeneration == ForkWatch.generation { wakeup.clear() }
        signals.collect()
        deliverSignals()
    }

    @inline(never)
    private func deliverSignals() {
        while let source = signals.next() {
            hasDueSignals = signals.hasDue
            source.received()
        }
        hasDueSignals = false
    }

    func add(_ source: SignalSource) { signals.append(source) }

    func remove(_ source: SignalSource) { signals.remove(source) }

    /// Waits until something is ready (or not at all, with `block` false), and leaves it pending.
    @inline(__always)
    func poll(block: Bool) {
        #if os(Linux)
            if hasHost { host?.forget(backendDescriptor) }
        #endif
        isRebuilding = false
        isShared = false
        if hasChanges { forgetChanges() }
        clibev_set_errno(0)
        unsafe ev_run(pointer, Int32(block ? EVRUN_ONCE : EVRUN_NOWAIT))
        // Left by epoll_ctl, when an event came for a number that is closed or is another file's: libev will rebuild the
        // set then. EEXIST comes of watching again what was watched before, EINTR of a signal.
        let failure = clibev_errno()
        if failure != 0, failure != EEXIST, failure != EINTR { isRebuilding = true }
        #if os(Linux)
            if hasHost { host?.watch(backendDescriptor) }
        #endif
    }

    private func forgetChanges() {
        hasChanges = false
        changedDescriptors.removeAll(keepingCapacity: changedDescriptors.capacity <= 4_096)
    }

    /// Makes libev tell the kernel about every descriptor anew, before the next poll. An epoll set that holds a file
    /// whose number is used for another goes on reporting it; there is no other way to get it out.
    func rebuild() {
        guard backend.kernelKeepsTheSet else { return }
        isRebuilding = true
        #if os(Linux)
            stale.removeAll()
        #endif
        unsafe ev_loop_fork(pointer)
    }

    /// Calls each pending source: signals first, then descriptors, in the order of registration on one descriptor, readers before writers; in no
    /// defined order across descriptors.
    func dispatch() {
        if hasDueSignals { deliverSignals() }
        unsafe ev_invoke_pending(pointer)
        unsafe dispatching = nil
    }

    /// Whether the last poll found nothing.
    var hasNothingPending: Bool { unsafe ev_pending_count(pointer) == 0 && !hasDueSignals }

    /// Begins a pass; what it returns is for the `endPass` that has to follow.
    ///
    /// A source whose callback is on the stack is not polled inside a nested pass: it would be ready again (its callback
    /// has not come to reading yet) and recurse until the stack is gone. GLib blocks such sources likewise.
    @inline(__always)
    func beginPass() -> OuterPass {
        depth += 1
        let outer = unsafe OuterPass(dispatching: dispatching)
        if depth > 1, let watcher = unsafe dispatching { unsafe IOSource.of(watcher).suspend() }
        unsafe dispatching = nil
        return outer
    }

    @inline(__always)
    func endPass(_ outer: OuterPass) {
        unsafe dispatching = outer.dispatching
        if depth > 1, let watcher = unsafe outer.dispatching { unsafe IOSource.of(watcher).endSuspension() }
        depth -= 1
        if depth == 0, hasRetired { releaseRetired() }
    }

    /// What a nested pass has interrupted.
    @safe struct OuterPass {
        fileprivate let dispatching: UnsafeMutablePointer<ev_io>?
    }

    /// Their deinitialisers run code of the user's, which may come back here.
    @inline(never)
    private func releaseRetired() {
        hasRetired = false
        var sources: [AnyObject] = []
        swap(&sources, &retired)
        sources.removeAll(keepingCapacity: sources.capacity <= 4_096)
        if retired.isEmpty { swap(&sources, &retired) }
    }

    /// To be called where what a descriptor is watched for changes, but not to nothing: in the next poll libev tells the kernel of the change, and aborts if the
    /// descriptor was closed meanwhile (it does so even when one of two watchers was only stopped).
    func noteChange(of descriptor: Int32) {
        hasChanges = true
        if isHosted { whenChanged?() }
        if changedDescriptors.last != descriptor { changedDescriptors.append(descriptor) }
    }

    /// Gives each descriptor that was changed since the last poll to `body`; false where there was none.
    func forEachChange(_ body: (Int32) -> Void) -> Bool {
        guard hasChanges else { return false }
        for descriptor in changedDescriptors { body(descriptor) }
        return true
    }

    /// Whether there is a change that the next poll will tell the kernel of.
    var hasUntoldChanges: Bool { hasChanges || isRebuilding }

    /// Whether the next poll may abort on a descriptor that is closed, unless that is found out before.
    var mayMeetClosed: Bool { hasUntoldChanges || mayHoldStale }

    /// Keeps a cancelled source until nothing can refer to it any more.
    func retire(_ source: AnyObject) {
        guard depth > 0 else { return }
        retired.append(source)
        hasRetired = true
    }

    /// Takes a descriptor, whose last source was just closed, out of the kernel's set; see `Descriptor.remove`.
    func forgetInKernel(_ descriptor: Int32, unlessIsSame isSame: () -> Bool) {
        #if os(Linux)
            // In a forked child the set is still the parent's, until libev has made another.
            guard backend == .epoll, !isShared, forkGeneration == ForkWatch.generation else { return }
            // Where it is not there, libev has taken it out already, or the number is not the file's any more.
            if !Descriptor.remove(descriptor, fromEpoll: backendDescriptor), !isSame() {
                mayHoldStale = true
                stale.suspect(descriptor)
            }
        #endif
    }

    /// Sees to it that the kernel's set holds no file under a number that is not the file's any more. Before each poll;
    /// `isWatched` tells of a number whether it has sources.
    func forgetStale(isWatched: (Int32) -> Bool) {
        #if os(Linux)
            if !mayHoldStale || isShared { return }
            let isConfirmed = stale.isConfirmed(inEpoll: backendDescriptor) {
                isWatched($0) && !changedDescriptors.contains($0)
            }
            mayHoldStale = !stale.isEmpty
            if isConfirmed { rebuild() }
        #endif
    }

    /// Whether epoll does not take a descriptor, which is not in it yet: it says that even when asked to take it out.
    func refusesInKernel(_ descriptor: Int32) -> Bool {
        guard backend == .epoll, !isShared, forkGeneration == ForkWatch.generation else { return false }
        return !Descriptor.remove(descriptor, fromEpoll: backendDescriptor) && errno == EPERM
    }

    /// Whether this process was forked since the last call; the kernel's state is then rebuilt at the next poll, as
    /// libev demands (`ev_loop_fork`).
    @inline(__always)
    func noticeFork() -> Bool {
        let generation = ForkWatch.generation
        guard generation != forkGeneration else { return false }
        renewAfterFork(generation)
        return true
    }

    @inline(never)
    private func renewAfterFork(_ generation: Int) {
        forkGeneration = generation
        isRebuilding = true
        isShared = true
        wakeup.renewAfterFork()
        #if os(Linux)
            stale.removeAll()
            host?.renewAfterFork()
        #endif
        unsafe ev_loop_fork(pointer)
    }

    /// A descriptor that is readable while something is ready: the same each time. Nil where the backend has none.
    ///
    /// Throws `ReactorError.outOfDescriptors`.
    func hostDescriptor() throws(ReactorError) -> Int32? {
        #if os(Linux)
            guard backend == .epoll else { return nil }
            if let host { return host.descriptor }
            let host = try HostDescriptor()
            // The wake-up itself too: it is to be seen before the first poll tells libev's set of it.
            guard host.watch(wakeup.descriptor), host.watch(backendDescriptor) else { throw .outOfDescriptors }
            self.host = host
            hasHost = true
            return host.descriptor
        #else
            return nil
        #endif
    }

    /// The descriptor of an epoll or kqueue backend, which changes whenever libev rebuilds the kernel's state.
    private var backendDescriptor: Int32 {
        unsafe clibev_backend_fd(pointer, scratch)
    }
}

private let wakeupTrampoline: IOTrampoline = { _, watcher, _ in
    let watcher = unsafe UnsafeMutablePointer<ev_io>(bitPattern: watcher).unsafelyUnwrapped
    unsafe Unmanaged<EventLoop>.fromOpaque(watcher.pointee.data)._withUnsafeGuaranteedRef { $0.wakeUp() }
}
