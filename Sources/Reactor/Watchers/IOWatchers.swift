/// All the I/O watchers of one reactor, by descriptor, and what keeps libev from aborting on a closed one.
final class IOWatchers {
    let loop: EventLoop
    let door: Door
    let owner: OwnerThread

    /// By descriptor: the numbers are small, and there are no gaps to speak of.
    private let table = ThreadOwned<[WatchedDescriptor?]>([])
    /// In the order in which they were registered; nil where one was removed since.
    private var inOrder: [IORegistration?] = []
    private var gaps = 0
    private var sweep = DescriptorSweep()
    private var sweepIsStale = false
    private var sweepOfChanges = DescriptorSweep()
    /// Those that libev calls ready without asking the kernel, in whose set they are not.
    private var alwaysReady: [WatchedDescriptor] = [] {
        didSet { looksAlways = Self.looksAlways(loop, alwaysReady) }
    }
    private var looksAlways: Bool

    init(loop: EventLoop, door: Door, owner: OwnerThread) {
        self.loop = loop
        self.door = door
        self.owner = owner
        looksAlways = Self.looksAlways(loop, [])
        loop.deliver(to: door)
    }

    /// Whether descriptors are looked at before each poll: all of them with the poll backend, which aborts in the very pass
    /// that meets a closed one; what epoll refuses, because libev reports it as ready for ever.
    private static func looksAlways(_ loop: EventLoop, _ alwaysReady: [WatchedDescriptor]) -> Bool {
        loop.backend == .poll || loop.backend.kernelKeepsTheSet && !alwaysReady.isEmpty
    }

    /// All of them, in the order of their registration.
    var all: [IOWatcher] { inOrder.compactMap { $0?.watcher } }

    /// Whether a file is watched that libev calls ready without asking the kernel: so no host would see it.
    var hasAlwaysReady: Bool {
        loop.backend.kernelKeepsTheSet && alwaysReady.contains { $0.awaitsSomething }
    }

    @inline(__always)
    private func watched(_ descriptor: Int32) -> WatchedDescriptor? {
        table.with { descriptor.asInt < $0.count ? $0[descriptor.asInt] : nil }
    }

    func add(
        _ descriptor: Int32,
        _ interest: Interest,
        keepsAfterFailure: Bool,
        _ site: CallSite,
        _ callback: WatcherCallback
    ) throws(DescriptorError) -> IOWatcher {
        guard descriptor >= 0 else { throw .negative(descriptor) }
        guard let identity = FileIdentity(of: descriptor) else {
            tell(cancelClosed(descriptor))
            throw .notOpen(descriptor)
        }
        if let watched = watched(descriptor), watched.identity != identity { tell(cancelClosed(descriptor)) }

        let watcher = IOWatcher(descriptor: descriptor, interest: interest, registeredAt: site, watchers: self)
        let registration = IORegistration.make(watcher, inOrder.count, self, keepsAfterFailure, callback)
        inOrder.append(registration)
        watcher.register(registration)
        record(descriptor, identity).registrations.append(registration)
        registration.start()
        return watcher
    }

    private func record(_ descriptor: Int32, _ identity: FileIdentity) -> WatchedDescriptor {
        if let watched = watched(descriptor) { return watched }
        let isAlwaysReady = identity.isAlwaysReady || identity.isDevice && loop.refusesInKernel(descriptor)
        let watched = WatchedDescriptor(descriptor: descriptor, identity: identity, isAlwaysReady: isAlwaysReady)
        if isAlwaysReady { alwaysReady.append(watched) }
        table.with {
            while $0.count <= descriptor.asInt { $0.append(nil) }
            $0[descriptor.asInt] = watched
        }
        return watched
    }

    /// Cancels one.
    func remove(_ registration: IORegistration) {
        let descriptor = registration.descriptor
        guard let watched = watched(descriptor),
            let position = watched.registrations.firstIndex(where: { $0 === registration })
        else { return }
        watched.registrations.remove(at: position)
        inOrder[registration.position] = nil
        gaps += 1
        if gaps > inOrder.count / 2 { closeGaps() }
        sweepIsStale = true
        if !watched.registrations.isEmpty {
            loop.noteChange(of: descriptor)
        } else {
            table.with { $0[descriptor.asInt] = nil }
            if watched.isAlwaysReady { alwaysReady.removeAll { $0 === watched } }
            loop.forgetInKernel(descriptor) { watched.identity == FileIdentity(of: descriptor) }
        }
        registration.close()
        registration.watcher.cancelled()
    }

    private func closeGaps() {
        inOrder = inOrder.filter { $0 != nil }
        gaps = 0
        for (position, registration) in inOrder.enumerated() { registration?.position = position }
    }

    /// Stops one, which may be started again.
    func pause(_ registration: IORegistration) {
        registration.stop()
        if let watched = watched(registration.descriptor), watched.registrations.count > 1 {
            loop.noteChange(of: registration.descriptor)
        }
        sweepIsStale = true
    }

    /// Cancels all of them, and gives them back.
    func removeAll() -> [IOWatcher] {
        let watchers = all
        for registration in inOrder.compactMap(\.self) { remove(registration) }
        return watchers
    }

    /// To be called before each poll: libev aborts when it meets a closed descriptor, so none may be left by then. All
    /// are cancelled before the first is reported, and since a handler may close more, it looks again after that.
    @inline(__always)
    func beforePoll(mayBlock: Bool) {
        while loop.mayMeetClosed || looksAlways || sweepsBeforeSleep(mayBlock), cancelClosedOnes(mayBlock) {}
    }

    /// False where there were none.
    @inline(never)
    private func cancelClosedOnes(_ mayBlock: Bool) -> Bool {
        var losses: [LostWatcher] = []
        loop.forgetStale { watched($0)?.isAlwaysReady == false }
        let changes = loop.changes
        if !changes.isEmpty { cancelClosed(among: changes, &losses) }
        if loop.backend == .poll || loop.isRebuilding || sweepsBeforeSleep(mayBlock) {
            cancelAllClosed(&losses)
        } else if looksAlways {
            for watched in alwaysReady where watched.awaitsSomething {
                let isClosed = watched.identity != FileIdentity(of: watched.descriptor)
                if isClosed { losses += cancelClosed(watched.descriptor) }
            }
        }
        guard !losses.isEmpty else { return false }
        tell(losses)
        return true
    }

    /// Throws where the descriptor is not the file any more for which `registration` was made, which is then cancelled;
    /// the other watchers of it are, too, and are reported.
    func checkStillOpen(_ descriptor: Int32, for registration: IORegistration) throws(DescriptorError) {
        // Before the poll it is looked at once more.
        guard let watched = watched(descriptor), watched.identity != FileIdentity(named: descriptor) else { return }
        remove(registration)
        tell(cancelClosed(descriptor))
        throw .closedWhileWatched(descriptor)
    }

    /// libev, or the kernel, will not watch the descriptor any more.
    @inline(never)
    func refused(_ descriptor: Int32) {
        // select says it of closed ones alone; by now the number may be another file's.
        let isSame = watched(descriptor)?.identity == FileIdentity(of: descriptor)
        let isRefused = isSame && loop.backend.kernelKeepsTheSet
        tell(cancelAll(descriptor, isRefused ? .refused(descriptor) : .closedWhileWatched(descriptor)))
    }

    /// Each watcher's own callback, where it has one for that; else the failure is reported.
    private func tell(_ losses: [LostWatcher]) {
        for loss in losses {
            if let whenLost = loss.whenLost {
                door.enter(LossCallback(registration: loss.registration, callback: whenLost))
            } else {
                door.report(loss.failure)
            }
        }
    }

    /// Where there are several, one poll(2) for all tells which are open, in place of a system call for each.
    private func cancelClosed(among changes: [Int32], _ losses: inout [LostWatcher]) {
        sweepIsStale = true
        var areKnownToBeOpen = false
        if changes.count > 1 {
            sweepOfChanges.removeAll()
            for descriptor in changes { sweepOfChanges.append(descriptor) }
            if let closed = sweepOfChanges.closedDescriptors() {
                cancelClosed(closed, &losses)
                areKnownToBeOpen = true
            }
        }
        for descriptor in changes {
            guard let watched = watched(descriptor) else { continue }
            let identity = areKnownToBeOpen ? FileIdentity(named: descriptor) : FileIdentity(of: descriptor)
            if watched.identity != identity { losses += cancelClosed(descriptor) }
        }
    }

    private func cancelAllClosed(_ losses: inout [LostWatcher]) {
        if sweepIsStale {
            sweep.removeAll()
            for descriptor in activeDescriptors { sweep.append(descriptor) }
        }
        sweepIsStale = false
        if let closed = sweep.closedDescriptors() { return cancelClosed(closed, &losses) }
        for descriptor in activeDescriptors where watched(descriptor)?.identity != FileIdentity(of: descriptor) {
            losses += cancelClosed(descriptor)
        }
    }

    private var activeDescriptors: [Int32] {
        var active: [Int32] = []
        for (number, watched) in table.with(\.self).enumerated() where watched?.isActive == true {
            active.append(number.asInt32)
        }
        return active
    }

    private func cancelClosed(_ descriptors: [Int32], _ losses: inout [LostWatcher]) {
        for descriptor in descriptors where watched(descriptor) != nil {
            losses += cancelClosed(descriptor)
        }
    }

    /// The number is not the file's any more. If it is another's by now, the kernel's set may hold both.
    private func cancelClosed(_ descriptor: Int32) -> [LostWatcher] {
        if watched(descriptor) != nil, FileIdentity(of: descriptor) != nil { loop.rebuild() }
        return cancelAll(descriptor, .closedWhileWatched(descriptor))
    }

    private func cancelAll(_ descriptor: Int32, _ error: DescriptorError) -> [LostWatcher] {
        let losses = (watched(descriptor)?.registrations ?? []).map { LostWatcher($0, error) }
        for loss in losses { remove(loss.registration) }
        return losses
    }

    /// epoll and kqueue are silent about a closed descriptor for ever: a debug build spends a system call before each sleep
    /// to tell.
    @inline(__always)
    private func sweepsBeforeSleep(_ mayBlock: Bool) -> Bool {
        #if DEBUG
            return mayBlock && loop.backend.kernelKeepsTheSet
        #else
            return false
        #endif
    }
}

/// A watcher that was cancelled because of its descriptor, and whom to tell.
private struct LostWatcher {
    let registration: IORegistration
    let whenLost: (() throws -> Void)?
    let error: DescriptorError

    init(_ registration: IORegistration, _ error: DescriptorError) {
        self.registration = registration
        self.error = error
        whenLost = registration.watcher.whenLost
    }

    var failure: CallbackFailure {
        CallbackFailure(
            error: error,
            kind: registration.kind,
            label: registration.label,
            registeredAt: registration.registeredAt,
            consequence: .watcherCancelled
        )
    }
}

/// What a watcher registered for the case that it is lost.
private struct LossCallback: CallbackOrigin {
    let registration: IORegistration
    let callback: () throws -> Void

    func call(_: Void) throws { try callback() }
    var kind: CallbackKind { registration.kind }
    var registeredAt: CallSite { registration.registeredAt }
    var label: String? { registration.label }
}

/// A descriptor with watchers.
private final class WatchedDescriptor {
    let descriptor: Int32
    /// The file that the number stood for when the first watcher came.
    let identity: FileIdentity
    let isAlwaysReady: Bool
    var registrations: [IORegistration] = []
    var isActive: Bool { registrations.contains { $0.isActive } }
    var awaitsSomething: Bool { registrations.contains { $0.isActive && !$0.isSuspended && !$0.events.isEmpty } }

    init(descriptor: Int32, identity: FileIdentity, isAlwaysReady: Bool) {
        self.descriptor = descriptor
        self.identity = identity
        self.isAlwaysReady = isAlwaysReady
    }
}
