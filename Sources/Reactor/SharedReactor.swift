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
            installed = ThreadBound(value: try Reactor(backend: backend))
        }
    }

    /// The shared reactor, for callers that must not be stopped where it cannot be made. Throws `ReactorError`.
    package static func makeShared() throws(ReactorError) -> Reactor {
        try installed.withLock { installed throws(ReactorError) in
            if let installed { return installed }
            let reactor = ThreadBound(value: try Reactor(backend: backendFromEnvironment()))
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

    private static func backendFromEnvironment() -> Backend {
        guard let name = Environment.value("REACTOR_BACKEND") else { return .preferred }
        if let backend = Backend(rawValue: name), Backend.available.contains(backend) { return backend }
        let problem = ReactorError.backendUnavailable(name, available: Backend.available)
        StandardError.write("REACTOR_BACKEND: \(problem) Going on with \(Backend.preferred).\n")
        return .preferred
    }
}
