extension Reactor {
    /// Calls `callback` in each pass in which a read of `descriptor` would not block: there is something, the end, or an
    /// error, and always for a regular file. Any number of watchers may share a descriptor; one that reads is called
    /// before one that only writes.
    ///
    /// The readiness is that of the descriptor, not an event: what is not read makes it ready again in the next pass.
    /// A callback that throws is reported and, unless `keepAfterFailure`, its watcher is cancelled.
    /// Throws `DescriptorError` where the descriptor is negative or not open. One that is closed while it is watched is
    /// reported, and its watchers are cancelled: by select and poll at once, by epoll and kqueue, whose kernels forget it
    /// without a word, when a watcher is resumed or changed or the number is watched again, and in debug builds before a
    /// sleep.
    @discardableResult
    public func addReader(
        _ descriptor: Int32,
        keepAfterFailure: Bool = false,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: @escaping (Readiness) throws -> Void
    ) throws(DescriptorError) -> IOWatcher {
        let site = CallSite(fileID: fileID, line: line)
        owner.check("Reactor.addReader", site)
        return try watchers.add(descriptor, .read, keepsAfterFailure: keepAfterFailure, site, .withReadiness(callback))
    }

    /// The same, for a callback that does not need to know more.
    @discardableResult
    public func addReader(
        _ descriptor: Int32,
        keepAfterFailure: Bool = false,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: @escaping () throws -> Void
    ) throws(DescriptorError) -> IOWatcher {
        let site = CallSite(fileID: fileID, line: line)
        owner.check("Reactor.addReader", site)
        return try watchers.add(descriptor, .read, keepsAfterFailure: keepAfterFailure, site, .plain(callback))
    }

    /// Calls `callback` in each pass in which a write to `descriptor` would not block: there is room, or an error. As a
    /// rule that is in each pass, so pause the watcher when there is nothing to write. Else like `addReader`.
    @discardableResult
    public func addWriter(
        _ descriptor: Int32,
        keepAfterFailure: Bool = false,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: @escaping (Readiness) throws -> Void
    ) throws(DescriptorError) -> IOWatcher {
        let site = CallSite(fileID: fileID, line: line)
        owner.check("Reactor.addWriter", site)
        return try watchers.add(descriptor, .write, keepsAfterFailure: keepAfterFailure, site, .withReadiness(callback))
    }

    /// The same, for a callback that does not need to know more.
    @discardableResult
    public func addWriter(
        _ descriptor: Int32,
        keepAfterFailure: Bool = false,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: @escaping () throws -> Void
    ) throws(DescriptorError) -> IOWatcher {
        let site = CallSite(fileID: fileID, line: line)
        owner.check("Reactor.addWriter", site)
        return try watchers.add(descriptor, .write, keepsAfterFailure: keepAfterFailure, site, .plain(callback))
    }

    /// Calls `callback` in each pass in which `descriptor` is ready for something of `interest`. Else like `addReader`.
    @discardableResult
    public func addWatcher(
        _ descriptor: Int32,
        _ interest: Interest,
        keepAfterFailure: Bool = false,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: @escaping (Readiness) throws -> Void
    ) throws(DescriptorError) -> IOWatcher {
        let site = CallSite(fileID: fileID, line: line)
        owner.check("Reactor.addWatcher", site)
        return try watchers.add(
            descriptor,
            interest,
            keepsAfterFailure: keepAfterFailure,
            site,
            .withReadiness(callback)
        )
    }

    /// The watchers with an interest in reading, paused ones too, in the order of their registration.
    public var readers: [IOWatcher] {
        owner.check("Reactor.readers")
        return watchers.all.filter { $0.interest.contains(.read) }
    }

    /// The watchers with an interest in writing, paused ones too, in the order of their registration.
    public var writers: [IOWatcher] {
        owner.check("Reactor.writers")
        return watchers.all.filter { $0.interest.contains(.write) }
    }

    /// Cancels every I/O watcher, and returns those that there were, in the order of their registration.
    @discardableResult
    public func removeAll(fileID: StaticString = #fileID, line: UInt = #line) -> [IOWatcher] {
        owner.check("Reactor.removeAll", CallSite(fileID: fileID, line: line))
        return watchers.removeAll()
    }

    /// Calls `callback` in the pass after `signal` came, once for several that came since. Any number of watchers may
    /// share a signal. While one does, what the process did with the signal before is replaced, SIGINT's stopping the
    /// reactor apart; afterwards it comes back.
    ///
    /// Throws `SignalError` where the number is no signal, cannot be caught, or is watched in another reactor.
    @discardableResult
    public func addSignalWatcher(
        _ signal: Int32,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: @escaping () throws -> Void
    ) throws(SignalError) -> SignalWatcher {
        let site = CallSite(fileID: fileID, line: line)
        owner.check("Reactor.addSignalWatcher", site)
        return try signals.add(signal, site, callback)
    }

    /// The signal watchers, in the order of their registration.
    public var signalWatchers: [SignalWatcher] {
        owner.check("Reactor.signalWatchers")
        return signals.all
    }
}
