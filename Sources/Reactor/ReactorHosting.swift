/// A reactor inside another loop (GLib's, Qt's, a game's): that one waits, and this one does what is due.
///
///     let descriptor = try reactor.pollDescriptor
///     // whenever the host finds `descriptor` readable:
///     reactor.dispatch()
///
/// The host drives the reactor instead of `run()`, on the reactor's thread. `callWhenRunning` calls are made by it, too;
/// `stop()` is for `run()` alone.
extension Reactor {
    /// A descriptor that is readable whenever there is something to do: a watched descriptor is ready, a deadline has
    /// passed, a thread has called, a signal has come, or something was added or changed since the last pass. `dispatch()`
    /// makes it unreadable. For poll(2) and its kin; the same for the reactor's life. A forked child calls `dispatch()` first.
    ///
    /// It tells while no callback runs: a callback that runs a host's loop itself, as for a modal dialogue, has to see to it
    /// that this calls `dispatch()` now and then.
    ///
    /// Throws `ReactorError.noPollDescriptor` with another backend than epoll, or `.outOfDescriptors`. Under a
    /// virtual clock it does not tell of deadlines. After libev's embedding and sd-event's `sd_event_get_fd`.
    public var pollDescriptor: Int32 {
        get throws(ReactorError) {
            owner.check("Reactor.pollDescriptor", CallSite(fileID: #fileID, line: #line))
            guard let descriptor = try loop.hostDescriptor() else { throw .noPollDescriptor(backend) }
            becomeHosted()
            return descriptor
        }
    }

    /// Makes one pass, without waiting: calls what is due and ready. Returns how many callbacks were called.
    @discardableResult
    public func dispatch(fileID: StaticString = #fileID, line: UInt = #line) -> Int {
        owner.check("Reactor.dispatch", CallSite(fileID: fileID, line: line))
        becomeHosted()
        return runOnce(fileID: fileID, line: line)
    }

    /// When the next delayed call is due; nil without one. For a host that waits with a timeout: descriptors, signals and
    /// threads do not show in it.
    public var nextDeadline: Instant? {
        owner.check("Reactor.nextDeadline", CallSite(fileID: #fileID, line: #line))
        let deadline = calls.nextDeadline
        return deadline == .max ? nil : Instant(nanoseconds: deadline)
    }
}
