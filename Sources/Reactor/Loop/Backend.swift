import CLibev

/// A system call family with which a reactor waits for descriptors.
///
/// Met as `Reactor.Backend`. libev has more than these: its io_uring backend aborts after a few stop and start
/// rounds and its linuxaio one is not compiled in, so neither is offered.
public enum ReactorBackend: String, CaseIterable, Sendable, CustomStringConvertible {
    case select, poll, epoll, kqueue

    /// The backends that work on this system, the best one first.
    ///
    /// kqueue stands last although it is the fastest where it exists: libev masks it on macOS, where some kinds of
    /// descriptor do not work with it, so there it has to be asked for by name.
    public static var available: [ReactorBackend] {
        let supported = ev_supported_backends()
        return [.epoll, .poll, .select, .kqueue].filter { supported & $0.flag != 0 }
    }

    /// The backend of a reactor that was not asked for another: the first of `available`.
    public static var preferred: ReactorBackend { available.first ?? .select }

    /// The name, as `REACTOR_BACKEND` takes it.
    public var description: String { rawValue }

    var flag: UInt32 {
        switch self {
        case .select: EVBACKEND_SELECT.asUInt32
        case .poll: EVBACKEND_POLL.asUInt32
        case .epoll: EVBACKEND_EPOLL.asUInt32
        case .kqueue: EVBACKEND_KQUEUE.asUInt32
        }
    }

    /// Whether the kernel keeps the set of watched descriptors, and drops a closed one from it without a word.
    var kernelKeepsTheSet: Bool { self == .epoll || self == .kqueue }
}
