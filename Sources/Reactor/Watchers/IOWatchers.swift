/// All the I/O watchers of one reactor, by descriptor, and what keeps libev from aborting on a closed one.
final class IOWatchers {
    let loop: EventLoop
    let door: Door
    let owner: OwnerThread

    /// By descriptor: the numbers are small, and there are no gaps to speak of.
    private var table: [WatchedDescriptor?] = []
    private var number: UInt64 = 0
    private var sweep = DescriptorSweep()

    init(loop: EventLoop, door: Door, owner: OwnerThread) {
        self.loop = loop
        self.door = door
        self.owner = owner
    }

    /// All of them, in the order of their registration.
    var all: [IOWatcher] {
        registrations.sorted { $0.number < $1.number }.map(\.watcher)
    }

    private var registrations: [IORegistration] { table.flatMap { $0?.registrations ?? [] } }

    @inline(__always)
    private func watched(_ descriptor: Int32) -> WatchedDescriptor? {
        Int(descriptor) < table.count ? table[Int(descriptor)] : nil
    }

    func add(
        _ descriptor: Int32,
        _ interest: Interest,
        keepsAfterFailure: Bool,
        _ site: CallSite,
        _ callback: @escaping (Readiness) throws -> Void
    ) throws(DescriptorError) -> IOWatcher {
        guard descriptor >= 0 else { throw .negative(descriptor) }
        guard let identity = FileIdentity(of: descriptor) else {
            closedWhileWatched(descriptor)
            throw .notOpen(descriptor)
        }
        if let watched = watched(descriptor), watched.identity != identity { closedWhileWatched(descriptor) }

        let watcher = IOWatcher(descriptor: descriptor, interest: interest, registeredAt: site, watchers: self)
        number += 1
        let registration = IORegistration(
            watcher: watcher,
            number: number,
            watchers: self,
            keepsAfterFailure: keepsAfterFailure,
            callback: callback
        )
        watcher.register(registration)
        record(descriptor, identity).registrations.append(registration)
        registration.start()
        return watcher
    }

    private func record(_ descriptor: Int32, _ identity: FileIdentity) -> WatchedDescriptor {
        if let watched = watched(descriptor) { return watched }
        while table.count <= Int(descriptor) { table.append(nil) }
        let watched = WatchedDescriptor(identity: identity)
        table[Int(descriptor)] = watched
        return watched
    }

    /// Cancels one.
    func remove(_ registration: IORegistration) {
        let descriptor = registration.descriptor
        guard let watched = watched(descriptor),
            let position = watched.registrations.firstIndex(where: { $0 === registration })
        else { return }
        watched.registrations.remove(at: position)
        if watched.registrations.isEmpty {
            table[Int(descriptor)] = nil
            loop.forgetInKernel(descriptor)
        }
        registration.close()
        registration.watcher.cancelled()
    }

    /// Cancels all of them, and gives them back.
    func removeAll() -> [IOWatcher] {
        let watchers = all
        for registration in registrations { remove(registration) }
        return watchers
    }

    /// To be called before each poll: libev aborts when it meets a closed descriptor, so none may be left by then.
    func beforePoll(mayBlock: Bool) {
        let hasChanges = loop.takeChanges { descriptor in
            if let watched = watched(descriptor), watched.identity != FileIdentity(of: descriptor) {
                closedWhileWatched(descriptor)
            }
        }
        if sweepsBeforePoll(mayBlock: mayBlock) { cancelClosed(changed: hasChanges) }
    }

    /// A forked child rebuilds the kernel's set, descriptor by descriptor, and libev aborts on a closed one.
    func beforeRebuild() {
        for descriptor in Set(registrations.map(\.descriptor)) where FileIdentity(of: descriptor) == nil {
            closedWhileWatched(descriptor)
        }
    }

    /// Throws where the descriptor is not the file any more for which `registration` was made, which is then cancelled;
    /// the other watchers of it are, too, and are reported.
    func checkStillOpen(_ descriptor: Int32, for registration: IORegistration) throws(DescriptorError) {
        guard let watched = watched(descriptor), watched.identity != FileIdentity(of: descriptor) else { return }
        remove(registration)
        closedWhileWatched(descriptor)
        throw .closedWhileWatched(descriptor)
    }

    /// libev, or the kernel, will not watch the descriptor any more.
    @inline(never)
    func refused(_ descriptor: Int32) {
        cancelAndReport(
            descriptor,
            FileIdentity(of: descriptor) == nil ? .closedWhileWatched(descriptor) : .refused(descriptor)
        )
    }

    private func closedWhileWatched(_ descriptor: Int32) {
        cancelAndReport(descriptor, .closedWhileWatched(descriptor))
    }

    /// First all are cancelled, then each is reported: a handler may do anything, even watch the same number again.
    private func cancelAndReport(_ descriptor: Int32, _ error: DescriptorError) {
        guard let registrations = watched(descriptor)?.registrations else { return }
        for registration in registrations { remove(registration) }
        for registration in registrations {
            door.report(
                CallbackFailure(
                    error: error,
                    kind: registration.kind,
                    registeredAt: registration.registeredAt,
                    consequence: .watcherCancelled
                )
            )
        }
    }

    /// The poll backend aborts in the very pass that meets a closed descriptor. epoll and kqueue are silent for ever: a
    /// debug build spends a system call before each sleep to tell.
    @inline(__always)
    private func sweepsBeforePoll(mayBlock: Bool) -> Bool {
        if loop.backend == .poll { return true }
        #if DEBUG
            return mayBlock && loop.backend.kernelKeepsTheSet
        #else
            return false
        #endif
    }

    private func cancelClosed(changed: Bool) {
        if changed { sweep.set(Set(registrations.filter(\.isActive).map(\.descriptor))) }
        for descriptor in sweep.closedDescriptors() { closedWhileWatched(descriptor) }
    }
}

/// A descriptor with watchers.
private final class WatchedDescriptor {
    /// The file that the number stood for when the first watcher came.
    let identity: FileIdentity
    var registrations: [IORegistration] = []

    init(identity: FileIdentity) { self.identity = identity }
}
