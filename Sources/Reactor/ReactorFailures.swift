/// What becomes of the errors of callbacks.
extension Reactor {
    /// Gets each failure of a callback, in place of the report on standard error. If it throws, both failures go to
    /// standard error; so do those of callbacks that it enters itself.
    public var onFailure: ((CallbackFailure) throws -> Void)? {
        get {
            owner.check("Reactor.onFailure")
            return door.onFailure
        }
        set {
            owner.check("Reactor.onFailure")
            door.onFailure = newValue
        }
    }

    /// How much of a traceback the reports on standard error show; with `.off`, none is taken at all. At first what the
    /// environment variable `REACTOR_TRACEBACK` says (`off`, `short` or `full`), and without it `.short`.
    public var tracebacks: TracebackStyle {
        get {
            owner.check("Reactor.tracebacks")
            return door.tracebacks
        }
        set {
            owner.check("Reactor.tracebacks")
            door.tracebacks = newValue
            door.instrument(StuckCallbackInstrument.self)?.show(newValue)
        }
    }

    /// Reports a failure as if a callback of the reactor had thrown it, for code that catches its callbacks' errors.
    public func report(_ failure: CallbackFailure, fileID: StaticString = #fileID, line: UInt = #line) {
        owner.check("Reactor.report", CallSite(fileID: fileID, line: line))
        var failure = failure
        if failure.traceback == nil { failure.traceback = door.traceback(of: failure.error) }
        door.report(failure)
    }

    /// Sends reports to `outlet` in place of standard error; nil puts that back.
    package func report(to outlet: (any ReportOutlet)?, _ site: CallSite) {
        owner.check("Reactor.report(to:)", site)
        door.outlet = outlet
    }
}
