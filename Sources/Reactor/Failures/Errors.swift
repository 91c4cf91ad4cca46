/// Why a reactor could not be made, run or stopped.
public enum ReactorError: Error, Equatable, CustomStringConvertible {
    /// `run()` while the reactor runs.
    case alreadyRunning
    /// `stop()` while it does not.
    case notRunning
    /// `install` when the shared reactor is in place already, with this backend.
    case alreadyInstalled(ReactorBackend)
    /// A backend of this name does not exist here.
    case backendUnavailable(String, available: [ReactorBackend])
    /// The process has no file descriptor left for the reactor's own.
    case outOfDescriptors
    /// A reactor with this backend has no descriptor by which a host could watch it.
    case noPollDescriptor(ReactorBackend)

    /// What happened, and what to do.
    public var description: String {
        switch self {
        case .alreadyRunning:
            "run() was called while the reactor runs; for one more pass from inside a callback, use runOnce()."
        case .notRunning:
            "stop() was called while the reactor does not run; call it from a callback, or check isRunning."
        case .alreadyInstalled(let backend):
            "The shared reactor is in place already, with the backend \(backend); call install before its first use."
        case .backendUnavailable(let name, let available):
            """
            There is no backend "\(name)" here; expected one of: \
            \(available.map(\.description).joined(separator: ", ")).
            """
        case .outOfDescriptors:
            "No file descriptor is left for the reactor's own; raise the limit (ulimit -n) or close some."
        case .noPollDescriptor(let backend):
            """
            A reactor with the backend \(backend) has no descriptor for a host to watch; make it with epoll (on Linux), or \
            call dispatch() when nextDeadline says so.
            """
        }
    }
}

/// Why a descriptor cannot be watched, or why its watcher was cancelled.
public enum DescriptorError: Error, Equatable, CustomStringConvertible {
    /// Not a descriptor at all.
    case negative(Int32)
    /// Nothing is open under this number.
    case notOpen(Int32)
    /// It was closed, and perhaps opened as something else, while a watcher watched it.
    case closedWhileWatched(Int32)
    /// The kernel would not watch it.
    case refused(Int32)
    /// The watcher was told to go on after it had been cancelled.
    case watcherCancelled(Int32)

    /// What happened, and what to do.
    public var description: String {
        switch self {
        case .negative(let descriptor):
            "Descriptor \(descriptor) cannot be watched; expected one of an open file, 0 or more."
        case .notOpen(let descriptor):
            "Descriptor \(descriptor) is not open; watch it before it is closed, and cancel the watcher before closing it."
        case .closedWhileWatched(let descriptor):
            "Descriptor \(descriptor) was closed while it was watched; cancel the watcher before closing it."
        case .refused(let descriptor):
            "The system would not watch descriptor \(descriptor); is the limit of watched descriptors reached?"
        case .watcherCancelled(let descriptor):
            "The watcher of descriptor \(descriptor) was cancelled; add a new one."
        }
    }
}

/// Why a signal cannot be watched.
public enum SignalError: Error, Equatable, CustomStringConvertible {
    /// No signal has this number.
    case outOfRange(Int32)
    /// SIGKILL, SIGSTOP and those that the C library keeps for itself.
    case cannotBeCaught(Int32)
    /// It tells of a fault in the program, such as SIGSEGV: a handler that returns has it happen again, for ever.
    case tellsOfAFault(Int32)
    /// Another reactor of this process watches it; a signal is for one reactor at a time.
    case watchedByAnotherReactor(Int32)

    /// What happened, and what to do.
    public var description: String {
        switch self {
        case .outOfRange(let signal):
            "There is no signal \(signal); expected a number from 1 up, such as SIGHUP."
        case .cannotBeCaught(let signal):
            "Signal \(signal) cannot be caught by any program; watch another, such as SIGTERM."
        case .tellsOfAFault(let signal):
            "Signal \(signal) tells of a fault in the program, which would happen again for ever; leave it to a crash reporter."
        case .watchedByAnotherReactor(let signal):
            "Signal \(signal) is watched in another reactor; watch it there and hand it on with callFromThread."
        }
    }
}

/// Why a delayed call can no longer be changed.
public enum DelayedCallError: Error, Equatable, CustomStringConvertible {
    /// It was called, or its callback is running right now.
    case alreadyCalled
    /// It was cancelled.
    case alreadyCancelled

    /// What happened, and what to do.
    public var description: String {
        switch self {
        case .alreadyCalled:
            "The delayed call was called already; check isActive, or ask for another with callLater."
        case .alreadyCancelled:
            "The delayed call was cancelled already; check isActive, or ask for another with callLater."
        }
    }
}
