import CLibev

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Which file a descriptor number stands for: it changes when the number is closed and used again.
///
/// Sockets, pipes and files are told apart by it; event and timer descriptors all share one inode on Linux, and are
/// not.
struct FileIdentity: Equatable {
    private let device: UInt64
    private let inode: UInt64
    private let kind: mode_t

    /// Whether epoll refuses it, being always ready, and libev stands in for that: then nothing tells of its close.
    var isAlwaysReady: Bool { kind == S_IFREG || kind == S_IFDIR }
    /// Terminals can be waited for, the null device is always ready.
    var isDevice: Bool { kind == S_IFCHR || kind == S_IFBLK }

    /// Nil where the descriptor is not open, or is one that only names a file (O_PATH on Linux), which to every other
    /// call is not open either.
    init?(of descriptor: Int32) {
        #if os(Linux)
            let flags = fcntl(descriptor, F_GETFL)
            guard flags >= 0, flags & 0o10_000_000 == 0 else { return nil }
        #endif
        self.init(named: descriptor)
    }

    /// The same with one system call less, for a descriptor that is looked at once more before anything depends on its being
    /// open: one that only names a file is not told from one that is open.
    init?(named descriptor: Int32) {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { return nil }
        kind = status.st_mode & S_IFMT
        device = UInt64(truncatingIfNeeded: status.st_dev)
        inode = UInt64(truncatingIfNeeded: status.st_ino)
    }
}

/// What the reactor asks the system about descriptors.
enum Descriptor {
    /// What poll(2) says of one descriptor right now.
    struct Condition {
        let isHungUp: Bool
        let hasError: Bool
    }

    static func condition(of descriptor: Int32) -> Condition {
        var request = pollfd(fd: descriptor, events: 0, revents: 0)
        guard unsafe poll(&request, 1, 0) > 0 else { return Condition(isHungUp: false, hasError: false) }
        return Condition(
            isHungUp: request.tells(POLLHUP),
            hasError: request.tells(POLLERR | POLLNVAL)
        )
    }

    /// Makes sure that what is opened next does not become standard input, output or error, where one of them is closed:
    /// a program that then watches "standard input" would watch the reactor's own descriptor. The result is for
    /// `release`.
    static func occupyStandardNumbers() -> [Int32] {
        var fillers: [Int32] = []
        while true {
            let descriptor = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
            if descriptor >= 0 { fillers.append(descriptor) }
            guard (0...2).contains(descriptor) else { return fillers }
        }
    }

    static func release(_ descriptors: [Int32]) {
        for descriptor in descriptors { close(descriptor) }
    }

    /// Gives what `descriptor` stands for the number `number`, in place of what had that.
    static func move(_ descriptor: Int32, to number: Int32) {
        dup2(descriptor, number)
        _ = fcntl(number, F_SETFD, FD_CLOEXEC)
        close(descriptor)
    }

    /// Takes a descriptor out of an epoll set.
    ///
    /// libev leaves it in when its last watcher stops, expecting the close to remove it. It does not where a child
    /// process (or a duplicate) holds the same file; see `StaleRegistrations`. False where it is not in the set.
    static func remove(_ descriptor: Int32, fromEpoll epoll: Int32) -> Bool {
        #if os(Linux)
            return epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, nil) == 0
        #else
            return true
        #endif
    }
}

extension pollfd {
    /// Whether poll(2) has found one of these conditions.
    func tells(_ conditions: Int32) -> Bool { Int32(revents) & conditions != 0 }
}
