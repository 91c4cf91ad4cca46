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
    /// A callback may run the host's loop itself, as for a modal dialogue. The watcher whose callback that is does not
    /// watch until the pass is over that has called it. (GLib dispatches a source in its own callback only after
    /// `g_source_set_can_recurse`.)
    ///
    /// Throws `ReactorError.noPollDescriptor` with another backend than epoll, or `.outOfDescriptors`. Under a
    /// virtual clock it does not tell of deadlines. After libev's embedding and sd-event's `sd_event_get_fd`.
    public var pollDescriptor: Int32 {
        get throws(ReactorError) {
            owner.check("Reactor.pollDescriptor")
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
        owner.check("Reactor.nextDeadline")
        let deadline = calls.nextDeadline
        return deadline == .max ? nil : Instant(nanoseconds: deadline)
    }
}

/// How a host comes to know what there is to do.
extension Reactor {
    /// From now on a host is told what there is to do.
    private func becomeHosted() {
        guard !isHosted else { return }
        isHosted = true
        calls.whenChanged = { [unowned self] in tellHost(of: $0) }
        loop.whenChanged = { [unowned self] in wakeHost() }
        loop.whenWakeupCleared = { [unowned self] in prepareHostToSleep() }
        loop.wakeup.prepareToSleep()
        prepareHostToSleep()
    }

    /// Something was added or changed, which only a pass can tell the kernel.
    func wakeHost() { loop.wakeup.send() }

    /// A call was added, or given this deadline. In a callback, which may itself be running the host's loop, a pass for
    /// each would be one too many.
    private func tellHost(of deadline: UInt64) {
        guard loop.wakeup.isAwaited else { return }
        if loop.depth == 0 { return wakeHost() }
        // In a child that was forked in this pass, the timerfd is the parent's, who has yet to see it.
        if loop.isForked { return }
        if isVirtual {
            if deadline <= calls.now { wakeHost() }
            return
        }
        let now = MonotonicClock.now()
        // The host sees that there are calls to make, and the pass that makes them sets it for the others.
        if alarm.hasExpired(now) { return }
        if deadline <= now || !setAlarm(for: deadline) { wakeHost() }
    }

    /// Sees to it that the host's descriptor is readable when something is due, at once where something is: when a pass ends, and
    /// when the wake-up was made unreadable. As long as there is a host, that is awaited, or readable.
    func prepareHostToSleep() {
        // A callback of this pass may have forked: the timerfd is still the parent's then.
        if loop.noticeFork() { renewAfterFork() }
        guard loop.wakeup.isAwaited else { return }
        let isDue = isVirtual ? calls.nextDeadline <= calls.now : !maySleep(until: .max)
        if loop.hasUntoldChanges || watchers.hasAlwaysReady || !isIdle || isDue { loop.wakeup.send() }
    }
}
