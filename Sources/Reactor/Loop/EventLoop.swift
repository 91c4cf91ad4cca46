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
    let slots = IOSlots()
    private let wakeupWatcher: UnsafeMutablePointer<ev_io>
    private var signals = SignalSources()
    private var hasDueSignals = false
    #if os(Linux)
        private var host: HostDescriptor?
    #endif

    /// The source whose callback is on the stack, if one is, for `pass` when it is nested. No reference is kept: a
    /// source that is cancelled in its callback lives in `retired` until that has returned.
    var dispatching: IOSlots.Slot?

    /// To whom sources that are ready are handed. No reference is kept, and so none is counted at an event.
    private(set) var receiver: Unmanaged<AnyObject>?

    /// How many passes are under way: 0 outside of any, more than 1 inside a nested one.
    private(set) var depth = 0

    /// Descriptors whose sources were started or stopped since the last poll.
    private let changedDescriptors = ThreadOwned<[Int32]>([])

    /// What the next poll has to see to, beside polling. In one word, because most passes have nothing of it, and should
    /// spend one look on that; a look at an array of a class would be checked for exclusivity at run time as well.
    private struct Concerns: OptionSet {
        let rawValue: UInt8
        /// `changedDescriptors` has some.
        static let changes = Concerns(rawValue: 1)
        /// libev may go through all descriptors before it waits, one system call for each, and abort on any that is closed.
        static let rebuilding = Concerns(rawValue: 2)
        /// `stale` has something to look for.
        static let stale = Concerns(rawValue: 4)
        /// The kernel's set is the parent's too, this being a forked child that has not polled yet.
        static let shared = Concerns(rawValue: 8)
        /// There is a host's descriptor.
        static let host = Concerns(rawValue: 16)
    }
    private var concerns: Concerns = []

    /// Told of each such change; for a host.
    var whenChanged: (() -> Void)? {
        didSet { isHosted = whenChanged != nil }
    }
    var isHosted = false
    /// Told when the wake-up was made unreadable; for a host, who sees no more of what it was sent for.
    var whenWakeupCleared: (() -> Void)?

    /// Sources that were cancelled in this pass. libev may still hold their addresses, and their callbacks may be on
    /// the stack, so they are released only when the outermost pass is over.
    var retired: [IOSource] = []
    /// Sources that are suspended until the pass that called them is over, and which one that is by its depth. A host that
    /// runs in their callbacks would see them ready for ever, if they were watched between the passes it makes. Once such
    /// a callback has returned, its pass is as good as over: the nested ones have dispatched what was pending in it.
    var suspended: [(source: IOSource, depth: Int)] = []
    /// Whether there are such.
    var hasRemains = false

    /// A loop that never runs, in which the backend's descriptor is looked up.
    private let scratch: OpaquePointer
    private var forkGeneration = ForkWatch.generation

    #if os(Linux)
        private var stale = StaleRegistrations()
    #endif

    /// Throws `ReactorError.backendUnavailable`, or `.outOfDescriptors` where the system has none left.
    init(backend: ReactorBackend) throws(ReactorError) {
        guard ReactorBackend.available.contains(backend) else {
            throw .backendUnavailable(backend.rawValue, available: ReactorBackend.available)
        }
        ForkWatch.start()
        wakeup = try Wakeup()
        // Without EVFLAG_NOENV, LIBEV_FLAGS in the environment would override the program's choice.
        guard let loop = unsafe ev_loop_new(backend.flag | EVFLAG_NOENV.asUInt32),
            let scratch = unsafe ev_loop_new((EVBACKEND_SELECT | EVFLAG_NOENV).asUInt32)
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

    /// Hands sources that are ready to `receiver`, which has to live as long as they do.
    func deliver(to receiver: AnyObject) { unsafe self.receiver = Unmanaged.passUnretained(receiver) }

    /// The wake-up's own callback.
    fileprivate func wakeUp() {
        unsafe dispatching = nil
        // In a child that was forked in this pass it is the parent's, who has yet to see it.
        if !isForked { wakeup.clear() }
        signals.collect()
        if isHosted, !isForked { tellCleared() }
        deliverSignals()
    }

    @inline(never)
    private func tellCleared() {
        wakeup.prepareToSleep()
        whenWakeupCleared?()
    }

    @inline(never)
    private func deliverSignals() {
        while let source = signals.next() {
            hasDueSignals = signals.hasDue
            // A host that runs in its callback is to see that there are others.
            if hasDueSignals, isHosted { wakeup.send() }
            source.received()
        }
        hasDueSignals = false
    }

    /// Whether this source's signal has come; it is not delivered to it any more. What came for others stays due.
    func takeSignal(of source: SignalSource) -> Bool {
        signals.collect()
        defer { hasDueSignals = signals.hasDue }
        return signals.take(source)
    }

    func add(_ source: SignalSource) { signals.append(source) }

    func remove(_ source: SignalSource) { signals.remove(source) }

    /// Waits until something is ready (or not at all, with `block` false), and leaves it pending.
    @inline(__always)
    func poll(block: Bool) {
        if !concerns.isEmpty { prepareToPoll() }
        clibev_set_errno(0)
        unsafe ev_run(pointer, (block ? EVRUN_ONCE : EVRUN_NOWAIT).asInt32)
        let failure = clibev_errno()
        if failure != 0 { pollFailed(failure) }
        #if os(Linux)
            if concerns.contains(.host) { watchForHost() }
        #endif
    }

    /// What `ev_run` is about to do about them is done then. Apart, as what follows is: most polls have none.
    @inline(never)
    private func prepareToPoll() {
        #if os(Linux)
            if concerns.contains(.host) { host?.forget(backendDescriptor) }
        #endif
        if concerns.contains(.changes) {
            changedDescriptors.with { $0.removeAll(keepingCapacity: $0.capacity <= 4_096) }
        }
        if concerns.contains(.rebuilding) { rebuildNow() }
        concerns.subtract([.changes, .rebuilding, .shared])
    }

    /// Has libev make its new set, which must not become standard input; what it finds ready stays pending.
    private func rebuildNow() {
        let fillers = Descriptor.occupyStandardNumbers()
        defer { Descriptor.release(fillers) }
        unsafe ev_run(pointer, EVRUN_NOWAIT.asInt32)
    }

    /// Left by epoll_ctl, when an event came for a number that is closed or is another file's: libev will rebuild the
    /// set then. EEXIST comes of watching again what was watched before, EINTR of a signal.
    @inline(never)
    private func pollFailed(_ failure: Int32) {
        if failure != EEXIST, failure != EINTR { concerns.insert(.rebuilding) }
    }

    #if os(Linux)
        @inline(never)
        private func watchForHost() { host?.watch(backendDescriptor) }
    #endif

    /// Makes libev tell the kernel about every descriptor anew, before the next poll. An epoll set that holds a file
    /// whose number is used for another goes on reporting it; there is no other way to get it out.
    func rebuild() {
        guard backend.kernelKeepsTheSet else { return }
        concerns.insert(.rebuilding)
        #if os(Linux)
            stale.removeAll()
        #endif
        unsafe ev_loop_fork(pointer)
    }

    /// Calls each pending source: signals first, then descriptors, in the order of registration on one descriptor, readers before writers; in no
    /// defined order across descriptors.
    func dispatch() {
        if hasDueSignals {
            // Those that have come again since count once.
            signals.collect()
            deliverSignals()
        }
        unsafe ev_invoke_pending(pointer)
        unsafe dispatching = nil
    }

    /// Whether there is nothing to dispatch: the last poll found nothing, and an outer pass has left nothing.
    var hasNothingPending: Bool { unsafe ev_pending_count(pointer) == 0 && !hasDueSignals }

    /// The same before the poll of a pass. An outermost pass has dispatched all when it ends, so libev is not asked.
    @inline(__always)
    var hasNothingLeft: Bool { depth <= 1 ? !hasDueSignals : hasNothingPending }

    /// Begins a pass; what it returns is for the `endPass` that has to follow.
    ///
    /// A source whose callback is on the stack is not polled inside a nested pass: it would be ready again (its callback
    /// has not come to reading yet) and recurse until the stack is gone. GLib blocks such sources likewise.
    @inline(__always)
    func beginPass() -> OuterPass {
        depth &+= 1
        return depth > 1 ? beginNestedPass() : unsafe OuterPass(dispatching: nil)
    }

    @inline(__always)
    func endPass(_ outer: OuterPass) {
        depth &-= 1
        if depth > 0 {
            endNestedPass(outer)
        } else if hasRemains {
            endSuspensions()
            releaseRetired()
        }
    }

    /// To be called where what a descriptor is watched for changes, but not to nothing: in the next poll libev tells the kernel of the change, and aborts if the
    /// descriptor was closed meanwhile (it does so even when one of two watchers was only stopped).
    func noteChange(of descriptor: Int32) {
        concerns.insert(.changes)
        if isHosted { whenChanged?() }
        changedDescriptors.with {
            if $0.last != descriptor { $0.append(descriptor) }
        }
    }

    /// The descriptors that were changed since the last poll.
    var changes: [Int32] { concerns.contains(.changes) ? changedDescriptors.with(\.self) : [] }

    /// Whether there is a change that the next poll will tell the kernel of.
    var hasUntoldChanges: Bool { !concerns.isDisjoint(with: [.changes, .rebuilding]) }

    /// Whether the next poll may abort on a descriptor that is closed, unless that is found out before.
    @inline(__always)
    var mayMeetClosed: Bool { !concerns.isDisjoint(with: [.changes, .rebuilding, .stale]) }

    /// Whether it goes through all descriptors.
    var isRebuilding: Bool { concerns.contains(.rebuilding) }

    /// Takes a descriptor, whose last source was just closed, out of the kernel's set; see `Descriptor.remove`.
    func forgetInKernel(_ descriptor: Int32, unlessIsSame isSame: () -> Bool) {
        #if os(Linux)
            guard isKernelSetOurs else { return }
            // Where it is not there, libev has taken it out already, or the number is not the file's any more.
            if !Descriptor.remove(descriptor, fromEpoll: backendDescriptor), !isSame() {
                concerns.insert(.stale)
                stale.suspect(descriptor)
            }
        #endif
    }

    /// Sees to it that the kernel's set holds no file under a number that is not the file's any more. Before each poll;
    /// `isWatched` tells of a number whether it has sources.
    func forgetStale(isWatched: (Int32) -> Bool) {
        #if os(Linux)
            if !concerns.contains(.stale) || concerns.contains(.shared) { return }
            let changes = changedDescriptors.with(\.self)
            let isConfirmed = stale.isConfirmed(inEpoll: backendDescriptor) {
                isWatched($0) && !changes.contains($0)
            }
            if stale.isEmpty { concerns.remove(.stale) }
            if isConfirmed { rebuild() }
        #endif
    }

    /// Whether epoll does not take a descriptor, which is not in it yet: it says that even when asked to take it out.
    func refusesInKernel(_ descriptor: Int32) -> Bool {
        guard isKernelSetOurs else { return false }
        return !Descriptor.remove(descriptor, fromEpoll: backendDescriptor) && errno == EPERM
    }

    /// Whether there is an epoll set, and it is this process's: in a forked child it is still the parent's, until libev has
    /// made another.
    private var isKernelSetOurs: Bool { backend == .epoll && !concerns.contains(.shared) && !isForked }

    /// Whether this process was forked, and no pass has noticed it yet.
    var isForked: Bool { forkGeneration != ForkWatch.generation }

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
        concerns.formUnion([.rebuilding, .shared])
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
            let fillers = Descriptor.occupyStandardNumbers()
            defer { Descriptor.release(fillers) }
            let host = try HostDescriptor()
            // The wake-up itself too: it is to be seen before the first poll tells libev's set of it.
            guard host.watch(wakeup.descriptor), host.watch(backendDescriptor) else { throw .outOfDescriptors }
            self.host = host
            concerns.insert(.host)
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
