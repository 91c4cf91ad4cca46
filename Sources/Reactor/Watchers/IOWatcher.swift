/// A descriptor that the reactor watches, and what it is watched for.
///
/// The reactor owns it: dropping this handle cancels nothing, `cancel()` does. For the reactor's thread only. It neither
/// opens nor closes the descriptor; cancel before you close.
public final class IOWatcher {
    /// The descriptor that is watched.
    public let descriptor: Int32
    /// Where it was registered.
    public let registeredAt: CallSite
    /// What it is watched for, also while it is paused.
    public private(set) var interest: Interest
    /// Whether it waits for `resume()`. A cancelled watcher is not paused.
    public private(set) var isPaused = false

    /// Called in place of the report when the watcher was cancelled because its descriptor is closed or refused.
    package var whenLost: (() throws -> Void)?

    private let owner: OwnerThread
    /// What is registered; nil once cancelled, so that the callback and what it holds are let go.
    private var registration: IORegistration?

    init(descriptor: Int32, interest: Interest, registeredAt site: CallSite, watchers: IOWatchers) {
        self.descriptor = descriptor
        self.interest = interest
        self.registeredAt = site
        owner = watchers.owner
    }

    func register(_ registration: IORegistration) { self.registration = registration }

    /// Whether it is registered: neither cancelled by hand nor by a failure. A paused watcher is.
    public var isActive: Bool { registration != nil }

    /// Ceases to watch until `resume()`. Readiness that is already pending in this pass is not delivered. Does nothing on
    /// a watcher that is paused or cancelled.
    public func pause(fileID: StaticString = #fileID, line: UInt = #line) {
        owner.check("IOWatcher.pause", CallSite(fileID: fileID, line: line))
        guard let registration, !isPaused else { return }
        isPaused = true
        registration.watchers.pause(registration)
    }

    /// Watches again. Does nothing on a watcher that is not paused.
    ///
    /// Throws `DescriptorError.watcherCancelled`, or `.closedWhileWatched` where the descriptor was closed meanwhile;
    /// the watcher is cancelled then.
    public func resume(fileID: StaticString = #fileID, line: UInt = #line) throws(DescriptorError) {
        owner.check("IOWatcher.resume", CallSite(fileID: fileID, line: line))
        let registration = try checked()
        guard isPaused else { return }
        isPaused = false
        registration.start()
    }

    /// Watches for something else from now on; for nothing, with an empty interest. A paused watcher stays paused.
    ///
    /// Throws as `resume()` does.
    public func setInterest(
        _ interest: Interest,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) throws(DescriptorError) {
        owner.check("IOWatcher.setInterest", CallSite(fileID: fileID, line: line))
        let registration = try checked()
        guard interest != self.interest else { return }
        self.interest = interest
        registration.change(to: IOEvents(interest))
    }

    /// Ceases to watch for good. Its callback is not called again, not even where it is pending in this pass. Does
    /// nothing on a watcher that is cancelled.
    public func cancel(fileID: StaticString = #fileID, line: UInt = #line) {
        owner.check("IOWatcher.cancel", CallSite(fileID: fileID, line: line))
        guard let registration else { return }
        registration.watchers.remove(registration)
    }

    /// The registry has let it go.
    func cancelled() {
        registration = nil
        whenLost = nil
        isPaused = false
    }

    private func checked() throws(DescriptorError) -> IORegistration {
        guard let registration else { throw .watcherCancelled(descriptor) }
        try registration.watchers.checkStillOpen(descriptor, for: registration)
        return registration
    }
}
