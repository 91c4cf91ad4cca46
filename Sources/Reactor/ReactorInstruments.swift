/// A look inside: instruments, slow callbacks, callbacks that are stuck.
extension Reactor {
    /// Tells `instrument` from now on what the reactor does; the reactor keeps it. Without any, a callback costs one
    /// branch more than if there were no instruments at all.
    public func addInstrument(
        _ instrument: any ReactorInstrument,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) {
        owner.check("Reactor.addInstrument", CallSite(fileID: fileID, line: line))
        door.add(instrument)
    }

    /// Tells it nothing more. Does nothing where it was not added.
    public func removeInstrument(
        _ instrument: any ReactorInstrument,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) {
        owner.check("Reactor.removeInstrument", CallSite(fileID: fileID, line: line))
        door.remove(instrument)
    }

    /// Reports each callback that holds the loop for longer, without the passes that it makes itself (but with the sleep of a
    /// host's loop that it runs, which the reactor does not see); nil, as at first, reports none. The environment variable
    /// `REACTOR_SLOW` (`50ms`, `1.5s`) gives every reactor one.
    public var slowCallbackThreshold: Duration? {
        get {
            owner.check("Reactor.slowCallbackThreshold")
            return door.instrument(SlowCallbackInstrument.self)?.threshold
        }
        set {
            owner.check("Reactor.slowCallbackThreshold")
            setSlowCallbackThreshold(newValue)
        }
    }

    func setSlowCallbackThreshold(_ threshold: Duration?) {
        if let instrument = door.instrument(SlowCallbackInstrument.self) { door.remove(instrument) }
        guard let threshold else { return }
        door.add(
            SlowCallbackInstrument(threshold: threshold) { [unowned self] in
                isVirtual || calls.nextDeadline == .max ? nil : Instant(nanoseconds: calls.nextDeadline)
            } report: { [unowned self] slow in
                door.report(slow)
            }
        )
    }

    /// Gets each slow callback, in place of a line on standard error. If it throws, that is reported.
    public var onSlowCallback: ((SlowCallback) throws -> Void)? {
        get {
            owner.check("Reactor.onSlowCallback")
            return door.onSlowCallback
        }
        set {
            owner.check("Reactor.onSlowCallback")
            door.onSlowCallback = newValue
        }
    }

    /// Has a thread of its own report each callback that is still running after so long, with the place where the
    /// reactor's thread is at that moment; nil, as at first, reports none. The environment variable `REACTOR_STUCK`
    /// (`1s`) gives every reactor one.
    ///
    /// The reactor's thread is asked with a signal, SIGURG, once for each such callback: a system call in which it
    /// sleeps may end early with EINTR.
    public var stuckCallbackLimit: Duration? {
        get {
            owner.check("Reactor.stuckCallbackLimit")
            return door.instrument(StuckCallbackInstrument.self)?.limit
        }
        set {
            owner.check("Reactor.stuckCallbackLimit")
            setStuckCallbackLimit(newValue)
        }
    }

    func setStuckCallbackLimit(_ limit: Duration?) {
        if let instrument = door.instrument(StuckCallbackInstrument.self) { door.remove(instrument) }
        if let limit { door.add(StuckCallbackInstrument(limit: limit, style: door.tracebacks)) }
    }
}
