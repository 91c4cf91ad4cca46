import Synchronization

extension Reactor {
    /// The reactor of the process, made on first use, and then the first user's thread's.
    ///
    /// It is never libev's default loop, which would reap the program's children. Its backend is the one given to
    /// `install`, or in the environment variable `REACTOR_BACKEND`, or `Backend.preferred`. Where no reactor can be made,
    /// for want of descriptors, the program stops and says so.
    public static var shared: Reactor { sharedReactor.value }

    /// Makes the shared reactor, with this backend. To be called before its first use.
    ///
    /// Throws `ReactorError.alreadyInstalled` with the backend that is in place, `.backendUnavailable` or
    /// `.outOfDescriptors`.
    public static func install(_ backend: Backend) throws(ReactorError) {
        try installed.withLock { installed throws(ReactorError) in
            if let installed { throw .alreadyInstalled(installed.value.backend) }
            let reactor = ThreadBound(value: try Reactor(backend: backend))
            reactor.value.addInstrumentsFromEnvironment()
            installed = reactor
        }
    }

    /// The shared reactor, for callers that must not be stopped where it cannot be made. Throws `ReactorError`.
    package static func makeShared() throws(ReactorError) -> Reactor {
        try installed.withLock { installed throws(ReactorError) in
            if let installed { return installed }
            let reactor = ThreadBound(value: try Reactor(backend: backendFromEnvironment()))
            reactor.value.addInstrumentsFromEnvironment()
            installed = reactor
            return reactor
        }.value
    }

    /// What `install`, or the first use of `shared`, put in place.
    private static let installed = Mutex<ThreadBound<Reactor>?>(nil)

    /// Read without a lock after the first time.
    private static let sharedReactor = {
        do {
            return ThreadBound(value: try makeShared())
        } catch {
            fatalError("Reactor.shared cannot be made. \(error)")
        }
    }()

    /// `REACTOR_TIMELINE` and `REACTOR_SNAPSHOT`: there is one file, and one SIGUSR1, in a process.
    private func addInstrumentsFromEnvironment() {
        if let path = Environment.value("REACTOR_TIMELINE") {
            do {
                addInstrument(try Timeline(path: path))
                // A program may end without `run`, or in the middle of it.
                ProcessEnd.call { Reactor.flushTimelineAtExit() }
            } catch {
                StandardError.write("REACTOR_TIMELINE: \(error) Going on without.\n")
            }
        }
        switch Environment.value("REACTOR_SNAPSHOT") {
        case nil, "0": break
        case "1": printSnapshots()
        case let value?:
            StandardError.write("REACTOR_SNAPSHOT: \"\(value)\" is neither 0 nor 1. Going on without.\n")
        }
    }

    private static func flushTimelineAtExit() {
        guard let reactor = installed.withLock({ $0 })?.value, reactor.owner.isCurrent else { return }
        reactor.door.instrument(Timeline.self)?.flush()
    }

    private func printSnapshots() {
        addInstrument(ReactorFigures())
        do {
            let watcher = try addSignalWatcher(SignalDispositions.user, fileID: CallSite.nowhere.fileID, line: 0) {
                [unowned self] in
                StandardError.write("\(snapshot())\n")
            }
            watcher.label = "REACTOR_SNAPSHOT"
        } catch {
            StandardError.write("REACTOR_SNAPSHOT: \(error) Going on without.\n")
        }
    }

    private static func backendFromEnvironment() -> Backend {
        guard let name = Environment.value("REACTOR_BACKEND") else { return .preferred }
        if let backend = Backend(rawValue: name), Backend.available.contains(backend) { return backend }
        let problem = ReactorError.backendUnavailable(name, available: Backend.available)
        StandardError.write("REACTOR_BACKEND: \(problem) Going on with \(Backend.preferred).\n")
        return .preferred
    }
}
